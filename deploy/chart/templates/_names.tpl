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

{{- /* Labels of an object. Those of NATS have the version of NATS: with that of odasync, each upgrade of odasync would restart
       the servers. Takes (dict "root" $ "process" "watcher" "labels" further ones). */ -}}
{{- define "odasync.labels" -}}
{{- $version := ternary .root.Values.nats.version (include "odasync.version" .root) (eq .process "nats") -}}
{{- $own := include "odasync.selector" . | fromYaml -}}
{{- $own = merge $own (dict "app.kubernetes.io/part-of" "oda-canvas" "app.kubernetes.io/version" $version) -}}
{{- mergeOverwrite (deepCopy .root.Values.commonLabels) (.labels | default dict | deepCopy) $own | toYaml -}}
{{- end -}}

{{- /* Metadata of an object. Takes (dict "root" $ "process" "watcher" "name" name) and, where they apply, "namespace" (another one
       than the release's, or "-" for an object of the whole cluster), "labels" and "annotations". */ -}}
{{- define "odasync.metadata" -}}
name: {{ .name }}
{{- if ne (.namespace | default "") "-" }}
namespace: {{ .namespace | default .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "odasync.labels" . | nindent 2 }}
{{- with mergeOverwrite (deepCopy .root.Values.commonAnnotations) (.annotations | default dict | deepCopy) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "odasync.version" -}}
{{- .Values.version | default .Chart.AppVersion -}}
{{- end -}}

{{- /* [registry/]image:version[-prereleaseSuffix], as the ODA Canvas charts build it, and the digest if one is set. */ -}}
{{- define "odasync.image" -}}
{{- with .Values.global.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image }}:{{ include "odasync.version" . }}
{{- with .Values.prereleaseSuffix }}-{{ . }}{{ end -}}
{{- with .Values.imageDigest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "odasync.natsImage" -}}
{{- with .Values.global.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.nats.image }}:{{ .Values.nats.version -}}
{{- with .Values.nats.imageDigest }}@{{ . }}{{ end -}}
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

{{- /* The namespaces to watch, separated by commas: monitoredNamespaces, as in other charts of the ODA Canvas, or namespaces. */ -}}
{{- define "odasync.namespaces" -}}
{{- if .Values.monitoredNamespaces -}}
{{- $names := list -}}
{{- range splitList "," .Values.monitoredNamespaces }}{{ with trim . }}{{ $names = append $names . }}{{ end }}{{ end -}}
{{- join "," (uniq $names) -}}
{{- else -}}
{{- join "," (uniq .Values.namespaces) -}}
{{- end -}}
{{- end -}}

{{- /* "true" if a namespace is a glob or all: the watcher then watches the whole cluster. */ -}}
{{- define "odasync.clusterWide" -}}
{{- range splitList "," (include "odasync.namespaces" .) }}{{ if or (eq . "all") (regexMatch "[*?\\[]" .) }}true{{ break }}{{ end }}{{ end -}}
{{- end -}}

{{- /* LOG_LEVEL: log.level, or loglevel, which other charts of the ODA Canvas give as a number of Python's logging. */ -}}
{{- define "odasync.logLevel" -}}
{{- $level := toString .Values.loglevel -}}
{{- get (dict "10" "DEBUG" "20" "INFO" "30" "WARNING" "40" "ERROR" "50" "CRITICAL") $level | default $level | default .Values.log.level -}}
{{- end -}}

{{- /* The registry of the ODA Canvas is the default of a subchart of the Canvas. */ -}}
{{- define "odasync.registryURL" -}}
{{- if contains "@" .Values.registry.url }}
{{- fail "registry.url contains credentials: put the key into a Secret and set registry.apiKey.secret to its name" }}
{{- end -}}
{{- $url := .Values.registry.url | default (ternary "" "http://canvas-compreg.canvas.svc.cluster.local" .Chart.IsRoot) -}}
{{- required "registry.url is empty: set it to the Component Registry's URL, such as http://component-registry.canvas.svc:8000" $url -}}
{{- end -}}

{{- /* The Secret with the OAuth2 client of the registry. */ -}}
{{- define "odasync.oauth2Secret" -}}
{{- .Values.registry.oauth2.secret | default .Values.oauth2.tokenSecretName -}}
{{- end -}}
