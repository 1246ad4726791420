{{- define "modelkeep.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "modelkeep.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "modelkeep.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "modelkeep.selectorLabels" . }}
{{- end -}}

{{- define "modelkeep.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "modelkeep.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "modelkeep.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The keys of the Secret, whichever it is, separated by spaces. */}}
{{- define "modelkeep.secretKeys" -}}
{{- if .Values.existingSecret.name -}}
{{- join " " .Values.existingSecret.keys -}}
{{- else -}}
{{- $keys := list -}}
{{- range $key, $value := .Values.secrets }}{{ if $value }}{{ $keys = append $keys $key }}{{ end }}{{ end -}}
{{- join " " $keys -}}
{{- end -}}
{{- end -}}

{{- define "modelkeep.secretName" -}}
{{- default (include "modelkeep.fullname" .) .Values.existingSecret.name -}}
{{- end -}}

{{/* "true" where nothing but the database and the store holds state, so that replicas can come and go. */}}
{{- define "modelkeep.stateless" -}}
{{- if and (has "database-url" (splitList " " (include "modelkeep.secretKeys" .))) .Values.settings.STORAGE_URL -}}true{{- end -}}
{{- end -}}

{{- define "modelkeep.publicUrl" -}}
{{- if .Values.settings.PUBLIC_URL -}}
{{- .Values.settings.PUBLIC_URL -}}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{- printf "https://%s" (first .Values.ingress.hosts) -}}
{{- else -}}
{{- fail "Set settings.PUBLIC_URL to the address that clients use, or ingress.enabled and ingress.hosts." -}}
{{- end -}}
{{- end -}}

{{/* Lame duck, drain, and the margin: what a pod may take to end. */}}
{{- define "modelkeep.graceSeconds" -}}
{{- add (ceil (float64 (default 0 .Values.settings.LAME_DUCK_SECONDS))) (ceil (float64 (default 0 .Values.settings.DRAIN_SECONDS))) .Values.stopMarginSeconds -}}
{{- end -}}

{{- define "modelkeep.podTemplate" -}}
metadata:
  labels:
    {{- include "modelkeep.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
    checksum/secret: {{ include (print $.Template.BasePath "/secret.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "modelkeep.serviceAccount" . }}
  automountServiceAccountToken: false
  # Kubernetes would add variables such as MODELKEEP_PORT=tcp://..., and the server refuses settings that it does not know.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "modelkeep.graceSeconds" . }}
  securityContext: {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: modelkeep
      image: {{ include "modelkeep.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext: {{- toYaml .Values.securityContext | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ default 8080 .Values.settings.PORT | int }}
      envFrom:
        - configMapRef:
            name: {{ include "modelkeep.fullname" . }}
      {{- if or .Values.env (include "modelkeep.secretKeys" .) }}
      env:
        {{- range compact (splitList " " (include "modelkeep.secretKeys" .)) }}
        - name: {{ if eq . "aws-credentials" }}AWS_SHARED_CREDENTIALS_FILE{{ else }}MODELKEEP_{{ . | upper | replace "-" "_" }}_FILE{{ end }}
          value: /run/secrets/modelkeep/{{ . }}
        {{- end }}
        {{- range $name, $value := .Values.env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      {{- end }}
      startupProbe:
        httpGet: {path: /health/live, port: http}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: {{ div (add (int .Values.startSeconds) 1) 2 }}
      livenessProbe:
        httpGet: {path: /health/live, port: http}
        periodSeconds: 5
        timeoutSeconds: 2
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 1
      {{- with .Values.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: data
          mountPath: /var/lib/modelkeep
        - name: tmp
          mountPath: /tmp
        {{- if include "modelkeep.secretKeys" . }}
        - name: secrets
          mountPath: /run/secrets/modelkeep
          readOnly: true
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- if include "modelkeep.secretKeys" . }}
    - name: secrets
      secret:
        secretName: {{ include "modelkeep.secretName" . }}
        defaultMode: 0440
        items:
          {{- range compact (splitList " " (include "modelkeep.secretKeys" .)) }}
          - {key: {{ . }}, path: {{ . }}}
          {{- end }}
    {{- end }}
    {{- if include "modelkeep.stateless" . }}
    - name: data
      emptyDir: {}
    {{- else if .Values.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.persistence.existingClaim }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "modelkeep.selectorLabels" . | nindent 10 }}
    {{- end }}
{{- end -}}
