{{- /* Fields that all Pods of odasync share. Takes (dict "root" $ "process" "watcher" "values" .Values.watcher), and
       "onePerNode" true for Pods that must not share a node. */ -}}
{{- define "odasync.podCommon" -}}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "map" . }}{{ .name }}{{ else }}{{ . }}{{ end }}
  {{- end }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
enableServiceLinks: false
{{- with .root.Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "odasync.selector" $ | nindent 8 }}
  {{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $affinity := deepCopy .values.affinity }}
{{- if .onePerNode }}
{{- $rule := "requiredDuringSchedulingIgnoredDuringExecution" }}
{{- $anti := get $affinity "podAntiAffinity" | default dict }}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "odasync.selector" . | fromYaml)) }}
{{- $_ := set $anti $rule (append (get $anti $rule | default list) $term) }}
{{- $_ := set $affinity "podAntiAffinity" $anti }}
{{- end }}
{{- with $affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Labels of the Pods of a process. Takes the same as odasync.podCommon. */ -}}
{{- define "odasync.podLabels" -}}
{{- include "odasync.labels" (merge (dict "labels" .values.podLabels) .) -}}
{{- end -}}

{{- define "odasync.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "odasync.metadata" (merge (dict "name" (printf "%s-%s" (include "odasync.fullname" .root) .process) "annotations" .values.serviceAccount.annotations) .) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}

{{- /* "true" if metrics and health are served over HTTPS. Takes the same as odasync.podCommon. */ -}}
{{- define "odasync.monitoringTLS" -}}
{{- $env := mergeOverwrite (deepCopy .root.Values.extraEnv) (.values.env | default dict | deepCopy) -}}
{{- if or .root.Values.monitoring.tlsSecret (get $env "MONITORING_TLS_CERT") }}true{{ end -}}
{{- end -}}

{{- /* A standby watcher is ready. /readyz lists failing checks; a restart does not fix them, so only /livez is the liveness
       probe. The kubelet does not verify certificates. */ -}}
{{- define "odasync.probes" -}}
{{- $scheme := ternary ", scheme: HTTPS" "" (eq (include "odasync.monitoringTLS" .) "true") -}}
startupProbe:
  httpGet: {path: /livez, port: metrics{{ $scheme }}}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /livez, port: metrics{{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: metrics{{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{- /* The variables of one process as a sorted list; a later map wins. Takes (list map map …). */ -}}
{{- define "odasync.env" -}}
{{- $all := dict -}}
{{- range . }}{{ $all = mergeOverwrite $all (. | default dict | deepCopy) }}{{ end -}}
{{- if hasKey $all "NATS_PASSWORD" }}
{{- fail "NATS_PASSWORD is a plain variable: put the passwords into a Secret and set nats.auth.secret to its name" }}
{{- end }}
{{- if hasKey $all "COMPONENT_REGISTRY_API_KEY" }}
{{- fail "COMPONENT_REGISTRY_API_KEY is a plain variable: put the key into a Secret and set registry.apiKey.secret to its name" }}
{{- end }}
{{- if hasKey $all "OAUTH2_CLIENT_SECRET" }}
{{- fail "OAUTH2_CLIENT_SECRET is a plain variable: put the client into a Secret and set registry.oauth2.secret to its name" }}
{{- end }}
{{- range list "OTEL_EXPORTER_OTLP_HEADERS" "OTEL_EXPORTER_OTLP_TRACES_HEADERS" }}
{{- if hasKey $all . }}
{{- fail (printf "%s is a plain variable: put it into a Secret and add that to extraEnvFrom" .) }}
{{- end }}
{{- end }}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ if kindIs "string" $value }}{{ $value | quote }}{{ else }}{{ $value | toJson | quote }}{{ end }}
{{- end }}
{{- end -}}

{{- /* GOMEMLIMIT in bytes: a percentage of the memory limit. Empty without a limit, or if the limit is not a whole number of a known
       unit. Takes (dict "resources" those of a container "percent" 50). */ -}}
{{- define "odasync.goMemoryLimit" -}}
{{- $units := dict "" 1 "k" 1000 "Ki" 1024 "M" 1000000 "Mi" 1048576 "G" 1000000000 "Gi" 1073741824 -}}
{{- with (.resources.limits | default dict).memory -}}
{{- $limit := ternary (int64 . | toString) (toString .) (or (kindIs "float64" .) (kindIs "int64" .) (kindIs "int" .)) -}}
{{- $unit := regexFind "[A-Za-z]*$" $limit -}}
{{- if and (regexMatch "^[0-9]+[A-Za-z]*$" $limit) (hasKey $units $unit) -}}
{{- div (mul (regexFind "^[0-9]+" $limit | int64) (get $units $unit | int64) $.percent) 100 -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The role of a process on NATS: its own name, or ctl. */ -}}
{{- define "odasync.role" -}}
{{- ternary "ctl" .process (eq .process "toolbox") -}}
{{- end -}}

{{- /* The connection to NATS and the settings of the stream. Takes (dict "root" $ "process" "watcher"). */ -}}
{{- define "odasync.streamEnv" -}}
{{- $v := .root.Values -}}
{{- $nats := $v.nats -}}
{{- $role := include "odasync.role" . -}}
NATS_URL: {{ include "odasync.natsURL" .root | quote }}
{{- if $nats.auth.secret }}
{{- if $nats.creds.secret }}
{{- fail "nats.auth.secret and nats.creds.secret are both set: set only one of them" }}
{{- end }}
NATS_USER: {{ $role }}
NATS_PASSWORD_FILE: /etc/odasync/nats-password/password
{{- end }}
{{- if $nats.creds.secret }}
NATS_CREDS: /etc/odasync/nats-creds/nats.creds
{{- end }}
{{- if $nats.tls.caSecret }}
NATS_TLS_CA: /etc/odasync/nats-ca/ca.crt
{{- end }}
{{- if get $nats.tls (printf "%sSecret" $role) }}
NATS_TLS_CERT: /etc/odasync/nats-tls/tls.crt
NATS_TLS_KEY: /etc/odasync/nats-tls/tls.key
{{- end }}
SYNC_TARGET: {{ $v.target | quote }}
SYNC_INTERVAL: {{ $v.syncInterval | toString | quote }}
STREAM_REPLICAS: {{ $v.stream.replicas | default (ternary $v.nats.replicas 0 (eq (include "odasync.natsBuiltIn" .root) "true")) | toString | quote }}
STREAM_HISTORY: {{ $v.stream.history | int64 | toString | quote }}
STREAM_MAX_BYTES: {{ $v.stream.maxBytes | int64 | toString | quote }}
{{- end -}}

{{- /* Variables that watcher and syncer share. Takes (dict "root" $ "process" "watcher"). */ -}}
{{- define "odasync.commonEnv" -}}
{{- $v := .root.Values -}}
LOG_LEVEL: {{ include "odasync.logLevel" .root | quote }}
LOG_FORMAT: {{ $v.log.format | quote }}
MONITORING_PORT: {{ $v.monitoring.port | toString | quote }}
{{- if $v.monitoring.tlsSecret }}
MONITORING_TLS_CERT: /etc/odasync/monitoring-tls/tls.crt
MONITORING_TLS_KEY: /etc/odasync/monitoring-tls/tls.key
{{- end }}
{{- /* Half of the limit, since the program (25 MB) and kernel memory count too. */}}
{{- with include "odasync.goMemoryLimit" (dict "resources" (get $v .process).resources "percent" 50) }}
GOMEMLIMIT: {{ . | quote }}
{{- end }}
{{ include "odasync.streamEnv" . }}
{{- end -}}

{{- /* Variables with the address of the registry, its form and its credentials. */ -}}
{{- define "odasync.registryEnv" -}}
COMPONENT_REGISTRY_URL: {{ include "odasync.registryURL" . | quote }}
COMPONENT_REGISTRY_API: {{ .Values.registry.api | quote }}
COMPONENT_REGISTRY_NAME: {{ .Values.registry.name | quote }}
COMPONENT_REGISTRY_ID_PREFIX: {{ .Values.registry.idPrefix | quote }}
COMPONENT_REGISTRY_ADOPT: {{ .Values.registry.adopt | toString | quote }}
COMPONENT_REGISTRY_MAX_CONNECTIONS: {{ .Values.registry.maxConnections | toString | quote }}
COMPONENT_NAME_FORMAT: {{ .Values.registry.componentNameFormat | quote }}
EXPOSED_API_SEGMENTS: {{ join "," .Values.registry.apiSegments | quote }}
{{- $oauth2 := include "odasync.oauth2Secret" . }}
{{- if and .Values.registry.apiKey.secret $oauth2 }}
{{- fail "registry.apiKey.secret and registry.oauth2.secret are both set: set only one of them" }}
{{- end }}
{{- if .Values.registry.apiKey.secret }}
COMPONENT_REGISTRY_API_KEY_FILE: /etc/odasync/registry/api-key
{{- end }}
{{- if $oauth2 }}
OAUTH2_TOKEN_URL_FILE: /etc/odasync/registry-oauth2/token_url
OAUTH2_CLIENT_ID_FILE: /etc/odasync/registry-oauth2/client_id
OAUTH2_CLIENT_SECRET_FILE: /etc/odasync/registry-oauth2/client_secret
OAUTH2_SCOPES: {{ join "," .Values.registry.oauth2.scopes | quote }}
{{- end }}
{{- if .Values.registry.tls.caSecret }}
COMPONENT_REGISTRY_CA_FILE: /etc/odasync/registry-ca/ca.crt
{{- end }}
{{- if .Values.registry.tls.clientSecret }}
COMPONENT_REGISTRY_CLIENT_CERT_FILE: /etc/odasync/registry-tls/tls.crt
COMPONENT_REGISTRY_CLIENT_KEY_FILE: /etc/odasync/registry-tls/tls.key
{{- end }}
{{- end -}}

{{- /* Secrets that a process reads as files, as (dict "files" list of name, secret, items). A process sees only its own key of a
       Secret. */ -}}
{{- define "odasync.secretFiles" -}}
{{- $nats := .root.Values.nats -}}
{{- $role := include "odasync.role" . -}}
files:
{{- if $nats.auth.secret }}
  - name: nats-password
    secret: {{ $nats.auth.secret }}
    items:
      - {key: {{ get $nats.auth (printf "%sKey" $role) | quote }}, path: password}
{{- end }}
{{- if $nats.creds.secret }}
  - name: nats-creds
    secret: {{ $nats.creds.secret }}
    items:
      - {key: {{ get $nats.creds (printf "%sKey" $role) | quote }}, path: nats.creds}
{{- end }}
{{- if $nats.tls.caSecret }}
  - name: nats-ca
    secret: {{ $nats.tls.caSecret }}
    items:
      - {key: {{ $nats.tls.caKey | quote }}, path: ca.crt}
{{- end }}
{{- with get $nats.tls (printf "%sSecret" $role) }}
  - name: nats-tls
    secret: {{ . }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- if has .process (list "watcher" "syncer") }}
{{- with .root.Values.monitoring.tlsSecret }}
  - name: monitoring-tls
    secret: {{ . }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- end }}
{{- if ne .process "watcher" }}
{{- $registry := .root.Values.registry }}
{{- with $registry.apiKey.secret }}
  - name: registry
    secret: {{ . }}
    items:
      - {key: {{ $registry.apiKey.key | quote }}, path: api-key}
{{- end }}
{{- with include "odasync.oauth2Secret" .root }}
  - name: registry-oauth2
    secret: {{ . }}
    items:
      - {key: {{ $registry.oauth2.tokenURLKey | quote }}, path: token_url}
      - {key: {{ $registry.oauth2.clientIDKey | quote }}, path: client_id}
      - {key: {{ $registry.oauth2.clientSecretKey | quote }}, path: client_secret}
{{- end }}
{{- with $registry.tls.caSecret }}
  - name: registry-ca
    secret: {{ . }}
    items:
      - {key: {{ $registry.tls.caKey | quote }}, path: ca.crt}
{{- end }}
{{- with $registry.tls.clientSecret }}
  - name: registry-tls
    secret: {{ . }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- end }}
{{- end -}}

{{- define "odasync.volumeMounts" -}}
{{- $files := (include "odasync.secretFiles" . | fromYaml).files }}
{{- if or $files .values.extraVolumeMounts }}
volumeMounts:
  {{- range $files }}
  - name: {{ .name }}
    mountPath: /etc/odasync/{{ .name }}
    readOnly: true
  {{- end }}
  {{- with .values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "odasync.volumes" -}}
{{- $files := (include "odasync.secretFiles" . | fromYaml).files }}
{{- if or $files .values.extraVolumes }}
volumes:
  {{- range $files }}
  - name: {{ .name }}
    secret:
      secretName: {{ .secret }}
      defaultMode: 0440
      items:
        {{- toYaml .items | nindent 8 }}
  {{- end }}
  {{- with .values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* Metrics of a process for Prometheus, including Pods that are not ready. */ -}}
{{- define "odasync.metricsService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "odasync.metadata" (merge (dict "name" (printf "%s-%s-metrics" (include "odasync.fullname" .root) .process)) .) | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "odasync.selector" . | nindent 4 }}
  ports:
    - name: metrics
      port: {{ .root.Values.monitoring.port }}
      targetPort: metrics
{{- end -}}

{{- /* Pods that are not ready may be evicted: they wait for NATS or the registry and would block the drain of a node. */ -}}
{{- define "odasync.disruptionBudget" -}}
{{- if .values.podDisruptionBudget.enabled -}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "odasync.metadata" (merge (dict "name" (printf "%s-%s" (include "odasync.fullname" .root) .process)) .) | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: {{ .unhealthy | default "AlwaysAllow" }}
  selector:
    matchLabels:
      {{- include "odasync.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}
