{{- /* Prefix of every object's name: the release's name if it contains odasync, else release-odasync. */ -}}
{{- define "odasync.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Labels that select the Pods of one process. Takes (dict "root" $ "process" "watcher"). */ -}}
{{- define "odasync.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .process }}
{{- end -}}

{{- define "odasync.labels" -}}
{{ include "odasync.selector" . }}
app.kubernetes.io/part-of: oda-canvas
app.kubernetes.io/version: {{ include "odasync.version" .root | quote }}
{{- end -}}

{{- define "odasync.version" -}}
{{- .Values.version | default .Chart.AppVersion -}}
{{- end -}}

{{- /* [registry/]image:version[-prereleaseSuffix], as the ODA Canvas charts build it. */ -}}
{{- define "odasync.image" -}}
{{- with .Values.global.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image }}:{{ include "odasync.version" . }}
{{- with .Values.prereleaseSuffix }}-{{ . }}{{ end -}}
{{- end -}}

{{- define "odasync.natsImage" -}}
{{- with .Values.global.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.nats.image }}:{{ .Values.nats.version -}}
{{- end -}}

{{- /* An image with a prerelease suffix may be rebuilt under the same name, so it is always pulled. */ -}}
{{- define "odasync.imagePullPolicy" -}}
{{- if .Values.imagePullPolicy }}{{ .Values.imagePullPolicy }}
{{- else if .Values.prereleaseSuffix }}Always
{{- else }}IfNotPresent
{{- end -}}
{{- end -}}

{{- define "odasync.natsBuiltIn" -}}
{{- if not .Values.nats.url }}true{{ end -}}
{{- end -}}

{{- define "odasync.natsURL" -}}
{{- if contains "@" .Values.nats.url }}
{{- fail "nats.url contains credentials: put them into a Secret and set nats.auth.secret or nats.creds.secret to its name" }}
{{- end -}}
{{- .Values.nats.url | default (printf "%s://%s-nats.%s.svc:4222" (ternary "tls" "nats" (ne .Values.nats.tls.serverSecret "")) (include "odasync.fullname" .) .Release.Namespace) -}}
{{- end -}}

{{- /* host:port of the monitoring of NATS. Each server is also reachable there under its own name before the host's, by which
       KEDA finds the leader of the consumer. */ -}}
{{- define "odasync.natsMonitoring" -}}
{{- .Values.nats.monitoringEndpoint | default (printf "%s-nats-headless.%s.svc:8222" (include "odasync.fullname" .) .Release.Namespace) -}}
{{- end -}}

{{- /* Account of the streams, for KEDA. */ -}}
{{- define "odasync.natsAccount" -}}
{{- if and (include "odasync.natsBuiltIn" .) .Values.nats.auth.secret }}ODASYNC{{ else }}{{ .Values.nats.account }}{{ end -}}
{{- end -}}

{{- /* "true" if a namespace is a glob or all: the watcher then watches the whole cluster. */ -}}
{{- define "odasync.clusterWide" -}}
{{- range .Values.namespaces }}{{ if or (eq . "all") (regexMatch "[*?\\[]" .) }}true{{ break }}{{ end }}{{ end -}}
{{- end -}}

{{- define "odasync.registryURL" -}}
{{- if contains "@" .Values.registry.url }}
{{- fail "registry.url contains credentials: put the key into a Secret and set registry.apiKey.secret to its name" }}
{{- end -}}
{{- required "registry.url is empty: set it to the Component Registry's URL, such as http://component-registry.canvas.svc:8000" .Values.registry.url -}}
{{- end -}}
