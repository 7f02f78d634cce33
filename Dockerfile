# syntax=docker/dockerfile:1
# Two stages: one that installs from the hashed locks, one that only runs. `make image-check` replays it without an engine.
# Any Debian-based official Python image from 3.11 on will do: --build-arg PYTHON_IMAGE=python:3.12-slim-bookworm
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Dependencies first: this layer is kept until a lock changes.
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /app \
 && /app/bin/python -m pip install --no-compile --require-hashes -r requirements/runtime.txt \
 && python -m venv /build \
 && /build/bin/python -m pip install --no-compile --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bot bot
COPY adapters adapters
COPY storage storage
# Bytecode is written here, once, because nobody can write it later. It is not compared with the times of its sources:
# a build that normalises times would make every start compile everything anew.
RUN /build/bin/python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
 && /app/bin/python -m pip install --no-compile --no-deps --no-index /wheels/reelbot-*.whl \
 && /app/bin/python -m pip uninstall --yes pip \
 && /app/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app/lib

FROM ${PYTHON_IMAGE}
# tini hands on signals and collects what the decoding processes leave behind. Its version is not pinned: Debian keeps
# only the newest in its archive, and a pin would break the build with the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/*
# What only installs has no work here. The official images come without bytecode of the standard library; without it
# each start, each clip and each health probe would compile what it imports.
RUN rm -rf /usr/local/lib/python3.*/site-packages/* /usr/local/lib/python3.*/ensurepip /usr/local/bin/pip* \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib
# Owned before it is declared a volume, so that a named volume inherits the owner; nobody else reads it.
RUN groupadd --gid 10001 reelbot \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin reelbot \
 && mkdir /data && chmod 700 /data && chown 10001:10001 /data
COPY --from=build /app /app
COPY LICENSE NOTICE /app/
# In a container every interface is the container's own; sign-in is on, because this is not loopback.
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 REELBOT_DATA_DIR=/data REELBOT_WEB__HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Bare sockets: importing an HTTP client would cost three times as much, all day long.
HEALTHCHECK --interval=60s --timeout=5s --start-period=20s --start-interval=5s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import os, socket, sys; s = socket.create_connection(('localhost', int(os.environ.get('REELBOT_WEB__PORT') or 8080)), 2); s.sendall(b'GET /livez HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n'); sys.exit(b' 200 ' not in s.recv(64))"]
ENTRYPOINT ["tini", "--", "reelbot"]
CMD ["run"]
# Last, because they change with every commit. Reelbot is MIT; the codecs that come with PyAV and pi-heif are not: NOTICE.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Reelbot" \
      org.opencontainers.image.description="A picture and a sentence become a short video, in the thread where your team already talks." \
      org.opencontainers.image.licenses="MIT AND GPL-2.0-or-later AND LGPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
