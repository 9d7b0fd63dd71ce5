# The hub with its embedded broker and viewer. The agent needs no container: pip install printwarden.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/image.lock requirements/image.lock
RUN python -m venv /opt/printwarden \
    && /opt/printwarden/bin/pip install --no-cache-dir --require-hashes -r requirements/image.lock
COPY . .
RUN /opt/printwarden/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
COPY --from=build /opt/printwarden /opt/printwarden
ENV PATH=/opt/printwarden/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PRINTWARDEN_HUB_DATA=/data \
    PRINTWARDEN_WEB_HOST=0.0.0.0
RUN useradd --uid 1000 --no-create-home printwarden && install -d -o 1000 -g 1000 /data
USER 1000:1000
VOLUME /data
WORKDIR /data
EXPOSE 8080 8883 8884
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["printwarden", "health"]
CMD ["printwarden", "run"]
