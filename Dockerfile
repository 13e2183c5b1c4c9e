# The site (target `site`), a worker of a shared search (`search`), and a role of the live pipeline (`live`): see
# compose.yaml and docs/admin.md, compose.kafka.yaml and docs/stream.md.
FROM python:3.11-slim-bookworm AS base

# What LightGBM's wheel loads and does not carry.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

# An index with torch's builds for processors alone spares gigabytes of libraries for graphics cards.
ARG TORCH_INDEX=
COPY requirements.txt requirements-postgres.txt ./
# The version is the one that requirements.txt pins.
# hadolint ignore=DL3013
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep -o '^torch==[0-9.]*' requirements.txt)" \
    && pip install -r requirements.txt -r requirements-postgres.txt

# Nobody but root may write into /app; what is kept lies in /data, and drawings' caches in /tmp.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin ecg \
    && install -d -o ecg -g ecg -m 0700 /data
ENV HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib


FROM base AS search
COPY requirements-scale.txt ./
RUN pip install -r requirements-scale.txt
COPY . .
RUN python -m compileall -q -j 0 .
USER 10001:10001
ENTRYPOINT ["python", "-m", "scale.tune"]
CMD ["--help"]


FROM base AS live
COPY requirements-stream.txt ./
RUN pip install -r requirements-stream.txt
COPY . .
RUN python -m compileall -q -j 0 .
USER 10001:10001
ENTRYPOINT ["python", "-m", "scale.stream"]
CMD ["--help"]


FROM base AS site
COPY . .
RUN python -m compileall -q -j 0 .
USER 10001:10001
EXPOSE 5000
ENTRYPOINT ["python", "webapp/main.py", "--data", "/data"]
CMD ["--help"]
