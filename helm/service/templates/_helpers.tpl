{{/* Which service this is: the name of everything. */}}
{{- define "service.name" -}}
{{- .Values.service -}}
{{- end -}}

{{- define "service.selector" -}}
app.kubernetes.io/name: {{ include "service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: reclothes
reclothes.example/environment: {{ .Values.environment }}
{{- end -}}

{{/* By digest where one is given: a tag can be moved. */}}
{{- define "service.image" -}}
{{- $repository := printf "%s/reclothes/%s" .Values.image.registry (include "service.name" .) -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ required "image.tag or image.digest is needed: which build shall run?" .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "service.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where the zones and the machines of a component's pods are to be. Arguments: root, component. */}}
{{- define "service.spread" -}}
{{- range $key, $whenUnsatisfiable := dict "topology.kubernetes.io/zone" "DoNotSchedule" "kubernetes.io/hostname" "ScheduleAnyway" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: {{ $whenUnsatisfiable }}
  labelSelector:
    matchLabels:
      {{- include "service.selector" $.root | nindent 6 }}
      app.kubernetes.io/component: {{ $.component }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}

{{/* What every process of the service reads. */}}
{{- define "service.environment" -}}
envFrom:
  - configMapRef:
      name: {{ include "service.name" . }}
  - secretRef:
      name: {{ include "service.name" . }}
{{- end -}}

{{- define "service.mounts" -}}
- name: tmp
  mountPath: /tmp
- name: authorities
  mountPath: /etc/reclothes/authorities
  readOnly: true
{{- range $name, $_ := .Values.secretFiles }}
- name: {{ $name }}
  mountPath: /etc/reclothes/{{ $name }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "service.volumes" -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
- name: authorities
  secret:
    secretName: {{ include "service.name" . }}-authorities
{{- range $name, $_ := .Values.secretFiles }}
- name: {{ $name }}
  secret:
    secretName: {{ include "service.name" $ }}-{{ $name }}
{{- end }}
{{- end -}}

{{/* A pod without what differs between web, worker and relay. Arguments: root, component. */}}
{{- define "service.podMetadata" -}}
labels:
  {{- include "service.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
annotations:
  # A changed configuration restarts the pods.
  checksum/config: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
{{- end -}}

{{/* The whole of a worker's or the relay's Deployment. Arguments: root, component, command, replicas (0: by the autoscaler). */}}
{{- define "service.background" -}}
{{- $resources := index .root.Values .component "resources" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "service.name" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "service.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if .replicas }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  selector:
    matchLabels:
      {{- include "service.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template:
    metadata:
      {{- include "service.podMetadata" . | nindent 6 }}
    spec:
      serviceAccountName: {{ include "service.name" .root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      # A message in progress may end; the worker returns the others to the queue immediately.
      terminationGracePeriodSeconds: 30
      securityContext:
        {{- include "service.podSecurity" .root | nindent 8 }}
      topologySpreadConstraints:
        {{- include "service.spread" . | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "service.image" .root }}
          imagePullPolicy: Always
          args: [{{ .command }}]
          {{- include "service.environment" .root | nindent 10 }}
          securityContext:
            {{- include "service.containerSecurity" .root | nindent 12 }}
          startupProbe:
            exec:
              command: [python3, -m, libs.chassis.liveness, worker]
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 12
          livenessProbe:
            exec:
              command: [python3, -m, libs.chassis.liveness, worker]
            periodSeconds: 30
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            exec:
              command: [python3, -m, libs.chassis.liveness, worker]
            periodSeconds: 30
            timeoutSeconds: 5
            failureThreshold: 3
          resources:
            {{- toYaml $resources | nindent 12 }}
          volumeMounts:
            {{- include "service.mounts" .root | nindent 12 }}
      volumes:
        {{- include "service.volumes" .root | nindent 8 }}
{{- end -}}

{{/* A template of External Secrets for the URL of MySQL, with TLS always. */}}
{{- define "service.databaseUrl" -}}
{{- printf "mysql+pymysql://{{ .%s_username }}:{{ .%s_password }}@{{ .%s_host }}:{{ .%s_port }}/{{ .%s_dbname }}?tls=true" .of .of .of .of .of -}}
{{- end -}}
