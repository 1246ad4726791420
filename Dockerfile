# The image of a release: `docker build -t modelkeep .` at the top of the sources, which are its context (see .dockerignore).
# How to run it: deploy/README.md.

ARG PYTHON_VERSION=3.13
ARG NODE_VERSION=24
ARG DEBIAN_RELEASE=trixie

# The server's sources with exactly the packages of uv.lock. The wheel and the API's description come from here.
FROM python:${PYTHON_VERSION}-slim-${DEBIAN_RELEASE} AS server
ARG UV_VERSION=0.13.9
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN pip install --root-user-action=ignore "uv==${UV_VERSION}"
WORKDIR /build
COPY pyproject.toml uv.lock ./
RUN uv sync --quiet --locked --no-install-project --no-default-groups
COPY LICENSE README.md ./
COPY tools tools
COPY src src
RUN uv sync --quiet --locked --no-default-groups && .venv/bin/python tools/openapi.py openapi.json

# Catalog Explorer, the web UI, made of its sources and of that description.
FROM node:${NODE_VERSION}-${DEBIAN_RELEASE}-slim AS ui
WORKDIR /build/ui
COPY ui/package.json ui/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY ui .
COPY --from=server /build/openapi.json .
RUN npm run --silent types && npm run --silent build -- --logLevel warn

# An environment that runs at /opt/modelkeep: the packages by their hashes, then the wheel.
FROM server AS environment
ARG EXTRAS="workspace postgres s3 docs archive"
COPY --from=ui /build/src/modelkeep/web src/modelkeep/web
RUN for extra in ${EXTRAS}; do set -- "$@" --extra "${extra}"; done \
    && uv build --quiet --wheel --out-dir dist \
    && uv export --quiet --locked --no-default-groups --no-emit-project "$@" --output-file requirements.txt \
    && uv venv --quiet /opt/modelkeep \
    && uv pip install --quiet --python /opt/modelkeep/bin/python --compile-bytecode --require-hashes -r requirements.txt \
    && uv pip install --quiet --python /opt/modelkeep/bin/python --compile-bytecode --no-deps dist/*.whl

FROM python:${PYTHON_VERSION}-slim-${DEBIAN_RELEASE}
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Modelkeep" \
      org.opencontainers.image.description="A governed model registry for unmodified MLflow clients: Models in Unity Catalog, self-hosted" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number, so that Kubernetes can prove `runAsNonRoot`.
RUN groupadd --system --gid 10001 modelkeep \
    && useradd --system --uid 10001 --gid modelkeep --home-dir /var/lib/modelkeep --shell /usr/sbin/nologin modelkeep \
    && install -d -o modelkeep -g modelkeep -m 0700 /var/lib/modelkeep
COPY --from=environment /opt/modelkeep /opt/modelkeep
COPY LICENSE /usr/share/doc/modelkeep/LICENSE

# The root may be read-only: the server writes to its data directory and to /tmp, and nowhere else. The data directory lies
# one level below the volume, since the server must own it, and a mounted volume often belongs to root.
ENV PATH=/opt/modelkeep/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/modelkeep \
    MODELKEEP_HOST=0.0.0.0 \
    MODELKEEP_PORT=8080 \
    MODELKEEP_DATA_DIR=/var/lib/modelkeep/data
USER 10001:10001
WORKDIR /var/lib/modelkeep
VOLUME /var/lib/modelkeep
EXPOSE 8080
# SIGTERM ends what is under way within MODELKEEP_DRAIN_SECONDS (60): give a stop more than that (`docker stop --time 75`).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['MODELKEEP_PORT']}/health/live\", timeout=2)"]
ENTRYPOINT ["modelkeep"]
CMD ["serve"]
