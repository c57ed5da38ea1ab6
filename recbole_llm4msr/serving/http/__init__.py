"""Exported models over HTTP: FastAPI and uvicorn, without RecBole and torch."""
