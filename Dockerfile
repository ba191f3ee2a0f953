# The image of one service: docker build --build-arg SERVICE=auth .
# See docs/decisions/0017-images-and-charts.md; `make images` builds it without a Docker engine.

ARG BASE=docker.io/library/python:3.13-slim-bookworm
# The stages that install packages; needs pip, which the images of services do not have.
ARG BUILDER=${BASE}

# The packages of all services, in a layer that all images share.
FROM ${BUILDER} AS chassis-packages
# The source of the wheels (empty: PyPI).
ARG PIP_NO_INDEX=""
ARG PIP_FIND_LINKS=""
ARG SOURCE_DATE_EPOCH=1700000000
COPY tools/images/build_steps/locks/chassis.lock tools/images/build_steps/install.sh tools/images/build_steps/trim.py tools/images/build_steps/compile.py /build/
RUN ["sh", "/build/install.sh", "/build/chassis.lock", "/opt/reclothes/chassis"]

FROM ${BUILDER} AS tools
ARG PIP_NO_INDEX=""
ARG PIP_FIND_LINKS=""
ARG SOURCE_DATE_EPOCH=1700000000
COPY tools/images/build_steps/locks/tools.lock tools/images/build_steps/install.sh tools/images/build_steps/trim.py tools/images/build_steps/compile.py /build/
RUN ["sh", "/build/install.sh", "/build/tools.lock", "/opt/tools"]

# The other packages of this service, its code and the bill of materials, in /image.
FROM ${BUILDER} AS service
COPY --from=tools /opt/tools /opt/tools
COPY --from=chassis-packages /opt/reclothes/chassis /opt/chassis
ARG SERVICE
ARG PIP_NO_INDEX=""
ARG PIP_FIND_LINKS=""
ARG SOURCE_DATE_EPOCH=1700000000
COPY tools/images/build_steps/locks/${SERVICE}.lock tools/images/build_steps/*.sh tools/images/build_steps/*.py /build/
RUN sh /build/install.sh "/build/${SERVICE}.lock" /image/opt/reclothes/service
COPY libs/__init__.py /image/app/libs/__init__.py
COPY libs/chassis /image/app/libs/chassis
COPY services/__init__.py /image/app/services/__init__.py
COPY services/${SERVICE} /image/app/services/${SERVICE}
COPY openapi /image/app/openapi
RUN python3 /build/compile.py /image/app && \
    PYTHONPATH=/opt/tools python3 /build/list_packages.py "${SERVICE}" /image/opt/reclothes/sbom.cdx.json \
      /opt/chassis /image/opt/reclothes/service

FROM ${BASE}
# Remove package installers and setuid permissions.
COPY tools/images/build_steps/harden.py /opt/reclothes/
RUN ["python3", "/opt/reclothes/harden.py"]
COPY --from=chassis-packages /opt/reclothes/chassis /opt/reclothes/chassis
ARG SERVICE
COPY --from=service /image /
ENV PYTHONPATH=/app:/opt/reclothes/chassis:/opt/reclothes/service \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    HOME=/tmp \
    RECLOTHES_SERVICE=${SERVICE} \
    RECLOTHES_HEARTBEAT_FILE=/tmp/heartbeat
# Last, since they change with every commit.
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="reclothes-${SERVICE}" \
      org.opencontainers.image.description="The ${SERVICE} service of ReClothes" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.vendor="ReClothes"
WORKDIR /app
# A number, by which Kubernetes verifies that it is not root. It writes only to /tmp and /dev/shm.
USER 10001:10001
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python3", "-m", "libs.chassis.liveness", "web"]
ENTRYPOINT ["python3", "-m", "libs.chassis"]
CMD ["serve"]
