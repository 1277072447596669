# syntax=docker/dockerfile:1
# One image for both servers: `sheetanchor registry` and `sheetanchor dns`.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY sheetanchor sheetanchor
COPY registry registry
COPY dns_frontend dns_frontend
COPY migrations migrations
RUN python -m venv /opt/sheetanchor \
    && /opt/sheetanchor/bin/pip install --no-cache-dir .

FROM python:3.11-slim-bookworm
# no login, no home, no shell; port 5300 needs no privilege
RUN groupadd --system --gid 10001 sheetanchor \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin sheetanchor \
    && install -d -o sheetanchor -g sheetanchor /var/lib/sheetanchor
COPY --from=build /opt/sheetanchor /opt/sheetanchor
ENV PATH=/opt/sheetanchor/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SHEETANCHOR_DATA_DIR=/var/lib/sheetanchor
USER 10001:10001
VOLUME /var/lib/sheetanchor
EXPOSE 5310/tcp 5300/udp 5300/tcp 5380/tcp
# alive, not ready: a frontend that lost its registry must go on answering
HEALTHCHECK --interval=5s --timeout=2s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5380/livez', timeout=1)"]
ENTRYPOINT ["sheetanchor"]
CMD ["--help"]
