#include "config/starter.hpp"

namespace switchback::config {

namespace {

constexpr std::string_view starter =
    R"(# What `switchback serve` runs. Behind "# " stand defaults and choices.
#
#   switchback check --config switchback.yaml     tells every fault at once, with line and column
#   switchback serve --config switchback.yaml     runs it; SIGHUP reads this file again
#   switchback flip shop --to green               sends new requests to green
#   switchback rollback shop                      goes back
#
# Durations have a unit (250ms, 5s, 1m, 1h), sizes too (64KiB, 1MiB).
# docs/configuration.md has every key.

listeners:
  - bind: 0.0.0.0:8080              # host:port, "[::]:8080" or unix:/path

services:
  shop:
    # match:                        # without it, this service takes what no other one matches
    #   hosts: [shop.example.com, "*.shop.example.com"]
    #   path_prefix: /
    initial: blue                   # only while no state exists yet; afterwards flips decide

    blue:
      release: v1.2                 # what runs there, for `flip --to v1.2` and the history
      servers:
        - 127.0.0.1:9001
        # - { address: 127.0.0.1:9002, weight: 2 }
    green:
      release: v1.3
      servers:
        - 127.0.0.1:9101

    health_check:
      path: /healthz                # leave it out to check by connecting only
      # interval: 1s
      # timeout: 2s
      # rise: 2                     # passes in a row that bring a server back
      # fall: 3                     # failures in a row that take it out
      # status: 200-399

    # balance: least_requests       # round_robin, {hash: header X-User} or {hash: cookie session}

    # timeouts:                     # 0 is none
    #   connect: 2s
    #   request_head: 10s
    #   request_body_idle: 30s
    #   response_head: 60s
    #   response_idle: 0
    #   write_idle: 60s
    #   idle: 60s

    # limits:
    #   head: 64KiB
    #   fields: 100
    #   body: 0                     # no limit
    #   queue: 1024                 # requests that wait while the service is paused
    #   replay: 64KiB               # of a body kept for another attempt

    # retries:
    #   attempts: 1                 # after the first
    #   methods: [GET, HEAD, OPTIONS, PUT, DELETE]

    drain:                          # how long the old color may take to finish after a flip
      timeout: 30s
      websocket: 10s
      stream: 30s

    # preview:                      # try the standby: curl -H 'X-Switchback-Preview: green'
    #   header: X-Switchback-Preview

    # forwarded:
    #   trust: [10.0.0.0/8]         # load balancers whose X-Forwarded-* are believed

admin:
  socket: /run/switchback/admin.sock    # as a plain user: ./run/admin.sock, or another folder of
                                        # your own, and --admin PATH or SWITCHBACK_ADMIN to say so
  # access:                             # root and the user that runs switchback may do everything
  #   - { group: oncall, role: operate }    # read < operate < deploy < admin
  #   - { user: deploy, role: deploy }
  # bind: 127.0.0.1:9900                # API, dashboard and /metrics over TCP
  # tokens:                             # `switchback token new` prints what to put here
  #   - name: ci
  #     role: deploy
  #     sha256: 0000000000000000000000000000000000000000000000000000000000000000

state_dir: /var/lib/switchback          # what must survive a loss of power
# run_dir: /run/switchback              # what must survive the process; default: admin.socket's folder
# workers: auto                         # one per core

log:
  access: json                          # a line per request: json, text (combined format) or off
  path: stdout                          # stdout, stderr or a file (opened again on SIGUSR1)
  level: info                           # of the log on stderr: trace, debug, info, warn or error
)";

}  // namespace

std::string_view starter_yaml() {
  return starter;
}

}  // namespace switchback::config
