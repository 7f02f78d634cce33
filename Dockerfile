# syntax=docker/dockerfile:1
# Two stages: one that installs from the hashed lock, one that only runs. Works with any image that has Python 3.11+.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# Dependencies first: this layer is kept until a lock changes.
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /app \
 && /app/bin/python -m pip install --require-hashes -r requirements/runtime.txt \
 && python -m venv /build \
 && /build/bin/python -m pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bot bot
COPY adapters adapters
COPY storage storage
RUN /build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /app/bin/python -m pip install --no-deps --no-index /wheels/reelbot-*.whl \
 && /app/bin/python -m pip uninstall --yes pip \
 && /app/bin/python -m compileall -q /app/lib

FROM ${PYTHON_IMAGE}
# tini hands on signals and collects what the decoding processes leave behind.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/*
# Owned before it is declared a volume, so that a named volume inherits the owner.
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin reelbot \
 && mkdir /data && chown 10001:10001 /data
COPY --from=build /app /app
COPY LICENSE NOTICE /app/
# In a container every interface is the container's own; sign-in is on, because this is not loopback.
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 REELBOT_DATA_DIR=/data REELBOT_WEB__HOST=0.0.0.0
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=5s --start-period=20s --start-interval=5s --retries=3 \
    CMD ["python", "-I", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('REELBOT_WEB__PORT', '8080') + '/livez', timeout=4)"]
ENTRYPOINT ["tini", "--", "reelbot"]
CMD ["run"]
