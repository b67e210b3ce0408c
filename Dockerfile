# One image for web, worker, clock and migrations; docker-compose.yml says which process each container runs.
FROM python:3.11-slim-bookworm

ARG ONNXRUNTIME=onnxruntime==1.32.0
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --uid 10001 --home-dir /var/lib/cosmic --create-home cosmic
WORKDIR /app
COPY requirements.txt requirements-no-deps.txt constraints.txt ./
RUN pip install --constraint constraints.txt -r requirements.txt \
    && pip install --no-deps -r requirements-no-deps.txt \
    && if [ "$ONNXRUNTIME" != "onnxruntime==1.32.0" ]; then pip uninstall -y onnxruntime && pip install "$ONNXRUNTIME"; fi
COPY manage.py ./
COPY authsite authsite
COPY apps apps
COPY models models
COPY worker worker
COPY templates templates
COPY static static

ENV COSMIC_STATE_DIR=/var/lib/cosmic
USER cosmic
EXPOSE 8000
CMD ["uvicorn", "authsite.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "on", "--no-proxy-headers", "--no-access-log"]
