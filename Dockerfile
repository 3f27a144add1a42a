# syntax=docker/dockerfile:1
# docker build -t switchback .
# docker run -p 8080:8080 -v ./switchback.yaml:/etc/switchback/switchback.yaml:ro -v switchback:/var/lib/switchback switchback
ARG DEBIAN=12

FROM debian:${DEBIAN}-slim AS build
WORKDIR /src
# The list of packages is in `dev` only; copied first, so that editing a source does not install anew.
COPY dev ./
RUN apt-get update \
 && apt-get install -y --no-install-recommends $(./dev packages build) \
 && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -DSWITCHBACK_TESTS=OFF -DSWITCHBACK_BENCH=OFF \
 && cmake --build build/release --target switchback \
 && strip build/release/switchback
# Which packages the program needs to run is asked of the program: their names differ between releases.
RUN mkdir -p /tmp/deps/debian && cd /tmp/deps && printf 'Source: switchback\n' > debian/control \
 && dpkg-shlibdeps -O -e/src/build/release/switchback \
  | sed -n 's/^shlibs:Depends=//p' | tr ',' '\n' | awk '{ print $1 }' > /runtime-packages \
 && test -s /runtime-packages

FROM debian:${DEBIAN}-slim
COPY --from=build /runtime-packages /tmp/runtime-packages
RUN apt-get update \
 && xargs apt-get install -y --no-install-recommends ca-certificates < /tmp/runtime-packages \
 && rm -rf /var/lib/apt/lists/* /tmp/runtime-packages \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin switchback \
 && install -d -o switchback -g switchback -m 0750 /var/lib/switchback \
 && install -d -o switchback -g switchback -m 0755 /run/switchback /etc/switchback
COPY --from=build /src/build/release/switchback /usr/local/bin/switchback
USER switchback
# The active color lives here; without a volume it goes with the container.
VOLUME /var/lib/switchback
EXPOSE 8080 9900
HEALTHCHECK --interval=5s --timeout=4s --start-period=5s --retries=3 CMD ["switchback", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["switchback"]
CMD ["serve", "--config", "/etc/switchback/switchback.yaml"]
