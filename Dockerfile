# Two stages: the first builds an environment from the hashed lock, the second is Python and that environment.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# For compiling only, so whatever version Debian has at present.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python -m venv --without-pip /opt/headgate
COPY requirements/image.txt requirements/run.txt requirements/
# The second is what the wheel is built with: it stays in this stage.
RUN pip --python /opt/headgate/bin/python install --require-hashes -r requirements/image.txt \
    && pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml hatch_build.py hatch_load.py README.md LICENSE ./
COPY config config
COPY routing routing
COPY gateway gateway
COPY helm/headgate/rules helm/headgate/rules
RUN HEADGATE_COMPILE=1 python -m hatchling build --target wheel --directory /wheel \
    && pip --python /opt/headgate/bin/python install --no-deps /wheel/*.whl

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Headgate" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/headgate /opt/headgate
# The base image comes without bytecode, and nothing may be written where this runs: compile once, here.
RUN python -m compileall -q -x '/(idlelib|lib2to3|site-packages|test|tests)/' /usr/local/lib/python3.11
ENV PATH=/opt/headgate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HEADGATE_STATE=/var/lib/headgate
# The only directory that it writes; everything else may be mounted read-only.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/headgate
VOLUME /var/lib/headgate
# `serve` reads ./headgate.yaml: mount the configuration here.
WORKDIR /etc/headgate
USER 10001:10001
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=2); c.request('GET', '/health/live'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["headgate"]
CMD ["serve", "--host", "0.0.0.0", "--admin-host", "0.0.0.0"]
