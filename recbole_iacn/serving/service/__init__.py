"""A bundle as a web service: ``recbole-iacn serve BUNDLE``.

    request ── Gate (token, size, time) ── endpoint ── Batcher ── Live.current ── Recommender or Pipeline
               one line of JSON for           │        one thread, what waits        └ replaced as a whole by a reload
               whatever goes wrong            bodies   is scored together

FastAPI, uvicorn and prometheus_client come with the extra ``serve``; no module imports them before it is used.
"""
