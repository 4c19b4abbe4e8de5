{{- define "claude-task.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "claude-task.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "claude-task.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "claude-task.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "claude-task.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "claude-task.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "claude-task.selector" -}}
app.kubernetes.io/name: {{ include "claude-task.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "claude-task.labels" -}}
{{ include "claude-task.selector" . }}
{{ include "claude-task.commonLabels" . }}
{{- end }}

{{- define "claude-task.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
