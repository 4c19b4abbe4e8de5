{{- /* Settings of the operator as arguments; `operator --help` explains each. */ -}}
{{- define "claude-task.args" -}}
{{- $runner := .Values.runner.image }}
{{- with .Values.tasks -}}
- {{ printf "--runner-image=%s:%s" $runner.repository $runner.tag | quote }}
- {{ printf "--runner-pull-policy=%s" $runner.pullPolicy | quote }}
- {{ printf "--timeout=%s" .timeout | quote }}
- {{ printf "--startup-deadline=%s" .startupDeadline | quote }}
- {{ printf "--grace-period=%s" .gracePeriod | quote }}
- {{ printf "--cancel-grace=%s" .cancelGrace | quote }}
- {{ printf "--first-wait=%s" .firstWait | quote }}
- {{ printf "--longest-wait=%s" .longestWait | quote }}
- {{ printf "--wait-limit=%s" .waitLimit | quote }}
- {{ printf "--job-ttl=%s" .jobTtl | quote }}
- {{ printf "--task-ttl=%s" .taskTtl | quote }}
- {{ printf "--save-interval=%s" .saveInterval | quote }}
- {{ printf "--idle-limit=%s" .idleLimit | quote }}
- {{ printf "--exit-limit=%s" .exitLimit | quote }}
- {{ printf "--verify-limit=%s" .verifyLimit | quote }}
- {{ printf "--model-retries=%d" (int .modelRetries) | quote }}
- {{ printf "--allow-plain-http=%t" .allowPlainHttp | quote }}
- {{ printf "--checkpoint-prefix=%s" .checkpointPrefix | quote }}
{{- with .modelBaseUrl }}
- {{ printf "--model-base-url=%s" . | quote }}
{{- end }}
- {{ printf "--git-resources=%s" (toJson .gitResources) | quote }}
- {{ printf "--agent-resources=%s" (toJson .agentResources) | quote }}
- {{ printf "--guard=%d" (int .guard) | quote }}
- {{ printf "--repository-size=%s" .repositorySize | quote }}
- {{ printf "--workspace-size=%s" .workspaceSize | quote }}
- {{ printf "--scratch-size=%s" .scratchSize | quote }}
- {{ printf "--proxy=%s" (toJson .proxy) | quote }}
- {{ printf "--trust-bundle=%s" (toJson .trustBundle) | quote }}
{{- end }}
- {{ printf "--fixed-ids=%t" (not .Values.openshift) | quote }}
- {{ printf "--workers=%d" (int .Values.workers) | quote }}
{{- with .Values.leaderElection }}
{{- if .enabled }}
- {{ printf "--lease=%s" (include "claude-task.fullname" $) | quote }}
- {{ printf "--lease-duration=%s" .duration | quote }}
- "--identity=$(POD_NAME)"
{{- end }}
{{- end }}
- {{ printf "--log-format=%s" .Values.log.format | quote }}
- {{ printf "--log=%s" .Values.log.level | quote }}
- "--listen=0.0.0.0:8081"
{{- end }}
