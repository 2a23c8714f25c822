# One image for every AutoLearn process; the command says which: autolearn run api | decide | …
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements ./requirements
# The build tool alone, from the locked development requirements, with its hashes.
RUN awk '/^[a-z]/ { keep = /^(hatchling|packaging|pathspec|pluggy|trove-classifiers)==/ } keep' \
        requirements/dev.txt > build.txt \
    && pip install --no-cache-dir --no-deps --require-hashes -r build.txt
COPY . .
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist ./client .

FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AUTOLEARN_HOME=/data
COPY requirements/runtime.txt /tmp/runtime.txt
RUN pip install --no-cache-dir --require-hashes -r /tmp/runtime.txt && rm /tmp/runtime.txt
RUN --mount=type=bind,from=build,source=/dist,target=/dist \
    pip install --no-cache-dir --no-deps /dist/*.whl
# A new volume takes over the owner of the folder that it is mounted on.
RUN useradd --create-home --uid 10001 autolearn \
    && mkdir -p /data/artifacts && chown -R autolearn /data
USER autolearn
WORKDIR /data
VOLUME /data
# Containers of one service share /data, and each needs a name of its own there.
ENTRYPOINT ["/bin/sh", "-c", "export AUTOLEARN_INSTANCE=\"${AUTOLEARN_INSTANCE:-$(hostname)}\"; exec \"$@\"", "sh"]
CMD ["autolearn", "--help"]
