{{- define "claude-task.web.fullname" -}}
{{- printf "%s-web" (include "claude-task.fullname" . | trunc 59 | trimSuffix "-") }}
{{- end }}

{{- define "claude-task.web.selector" -}}
app.kubernetes.io/name: {{ include "claude-task.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: web
{{- end }}

{{- define "claude-task.web.labels" -}}
{{ include "claude-task.web.selector" . }}
{{ include "claude-task.commonLabels" . }}
{{- end }}

{{- define "claude-task.web.serviceAccount" -}}
{{- if .Values.web.serviceAccount.create }}
{{- default (include "claude-task.web.fullname" .) .Values.web.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.web.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* The Secret in which sessions outlive a restart. */ -}}
{{- define "claude-task.web.sessions" -}}
{{- printf "%s-sessions" (include "claude-task.web.fullname" .) }}
{{- end }}

{{- /* Whether the web acts for people in its own name and theirs. */ -}}
{{- define "claude-task.web.impersonates" -}}
{{- $web := .Values.web }}
{{- if or (eq $web.identity "header") (and (eq $web.identity "oidc") (eq $web.oidc.credential "impersonate")) }}true{{ end }}
{{- end }}

{{- /* The host of the public address, for Ingress and HTTPRoute. */ -}}
{{- define "claude-task.web.host" -}}
{{- (urlParse .Values.web.publicUrl).hostname }}
{{- end }}

{{- /* Settings of the web as arguments; `web-proxy --help` explains each. */ -}}
{{- define "claude-task.web.args" -}}
{{- with .Values.web -}}
- {{ printf "--identity=%s" .identity | quote }}
- {{ .publicUrl | required "web.publicUrl: say at which address browsers find the web, such as https://tasks.example.com" | printf "--public-url=%s" | quote }}
- {{ printf "--session-lifetime=%s" .sessionLifetime | quote }}
- {{ printf "--sessions-secret=%s" (include "claude-task.web.sessions" $) | quote }}
- {{ printf "--namespace=%s" $.Release.Namespace | quote }}
- {{ printf "--body-limit=%d" (int .bodyLimit) | quote }}
- {{ printf "--streams-per-user=%d" (int .streamsPerUser) | quote }}
- {{ printf "--requests-per-second=%d" (int .requestsPerSecond) | quote }}
- {{ printf "--request-burst=%d" (int .requestBurst) | quote }}
- {{ printf "--request-timeout=%s" .requestTimeout | quote }}
{{- if eq .identity "oidc" }}
- {{ .oidc.issuer | required "web.oidc.issuer: say which identity provider, such as https://idp.example.com" | printf "--oidc-issuer=%s" | quote }}
- {{ .oidc.clientId | required "web.oidc.clientId: say what the identity provider calls this client" | printf "--oidc-client-id=%s" | quote }}
{{- if .oidc.clientSecret.name }}
- {{ printf "--oidc-client-secret-file=/etc/claudetask/client/%s" .oidc.clientSecret.key | quote }}
{{- end }}
{{- range .oidc.scopes }}
- {{ printf "--oidc-scope=%s" . | quote }}
{{- end }}
- {{ printf "--oidc-username-claim=%s" .oidc.usernameClaim | quote }}
- {{ printf "--oidc-groups-claim=%s" .oidc.groupsClaim | quote }}
- {{ printf "--oidc-credential=%s" .oidc.credential | quote }}
{{- if .oidc.ca.configMap }}
- {{ printf "--oidc-ca-file=/etc/claudetask/ca/%s" .oidc.ca.key | quote }}
{{- end }}
{{- end }}
{{- if eq .identity "header" }}
{{- if not .header.from }}
{{- fail "web.header.from: say from which addresses the headers count, such as [10.1.2.0/24]" }}
{{- end }}
- {{ printf "--header-user=%s" .header.user | quote }}
{{- with .header.groups }}
- {{ printf "--header-groups=%s" . | quote }}
{{- end }}
{{- range .header.from }}
- {{ printf "--header-from=%s" . | quote }}
{{- end }}
{{- end }}
{{- if include "claude-task.web.impersonates" $ }}
- {{ printf "--impersonation-prefix=%s" .impersonation.prefix | quote }}
{{- end }}
{{- end }}
- {{ printf "--log-format=%s" .Values.log.format | quote }}
- {{ printf "--log=%s" .Values.log.level | quote }}
- "--listen=0.0.0.0:8080"
{{- end }}
