"""How each proxy is configured and started: one worker, kept connections to the backend, no access
log (variant "log": JSON on all sides), X-Forwarded-For added, TLS at OpenSSL's defaults.

Each instance has a cleartext port and two TLS ports, one with a P-256 and one with an RSA-2048
certificate. HAProxy has a further port where it splices.
"""
import os

from . import kernel
from .rig import PACKAGES, PROXY_CORES, die, free_port, which


class Instance:
    """A running proxy. `pids` are all its processes; `ports` by kind: plain, p256, rsa, splice."""

    def __init__(self, rig, name, process, ports):
        self.rig, self.name, self.process, self.ports = rig, name, process, ports
        rig.wait_for(process, ports["plain"], process_name(name))
        self.pids = [process.pid] + kernel.children_of(process.pid)

    def stop(self):
        self.rig.stop([self.process])


def process_name(name):
    return name.replace("_splice", "")


def ports_for(*kinds):
    return {kind: free_port() for kind in kinds}


NGINX_LOG = ("log_format j escape=json '{\"time\":\"$time_iso8601\",\"client\":\"$remote_addr\","
             "\"method\":\"$request_method\",\"host\":\"$host\",\"target\":\"$request_uri\","
             "\"protocol\":\"$server_protocol\",\"status\":$status,\"server\":\"$upstream_addr\","
             "\"bytes_in\":$request_length,\"bytes_out\":$body_bytes_sent,"
             "\"connect_s\":\"$upstream_connect_time\",\"first_byte_s\":\"$upstream_header_time\","
             "\"total_s\":$request_time,\"user_agent\":\"$http_user_agent\"}';")


def nginx(rig, variant, workers, env, cores):
    folder, ports = rig.path("nginx"), ports_for("plain", "p256", "rsa")
    os.makedirs(folder, exist_ok=True)
    log = "access_log off;"
    if variant == "log":
        # Buffered, as nginx's own manual advises where logging costs; the others buffer as well.
        log = NGINX_LOG + f"access_log {folder}/access.log j buffer=64k flush=1s;"
    temp = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    reuse = "reuseport" if workers > 1 else ""
    tls = ""
    for kind in ("p256", "rsa"):
        cert, key = rig.certificate(kind)
        tls += f"""
  server {{
    listen 127.0.0.1:{ports[kind]} ssl backlog=4096 {reuse};
    ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    include {folder}/location.conf;
  }}"""
    rig.write("nginx/location.conf", """
location / {
  proxy_pass http://backend; proxy_http_version 1.1;
  proxy_max_temp_file_size 0; proxy_request_buffering off; client_max_body_size 0;
  proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}
""")
    conf = rig.write("nginx/nginx.conf", f"""
worker_processes {workers}; daemon off; pid {folder}/nginx.pid; error_log stderr warn;
worker_rlimit_nofile {rig.files};
events {{ worker_connections {rig.files - 500}; }}
http {{
  {log} {temp}
  keepalive_timeout 300s; keepalive_requests 1000000000;
  upstream backend {{
    server 127.0.0.1:{rig.backend_port}; keepalive 256; keepalive_requests 1000000000;
    keepalive_timeout 300s;
  }}
  server {{
    listen 127.0.0.1:{ports["plain"]} backlog=4096 {reuse};
    include {folder}/location.conf;
  }}{tls}
}}
""")
    command = [which("nginx"), "-p", folder, "-e", "stderr", "-c", conf]
    return rig.start(command, cores, env, "nginx"), ports


HAPROXY_LOG = ("log global\n  log-format '{\"time\":\"%tr\",\"client\":\"%ci\",\"method\":\"%HM\","
               "\"host\":\"%[capture.req.hdr(0)]\",\"target\":\"%HU\",\"protocol\":\"%HV\","
               "\"status\":%ST,\"server\":\"%s\",\"bytes_in\":%U,\"bytes_out\":%B,"
               "\"connect_ms\":%Tc,\"first_byte_ms\":%Tr,\"total_ms\":%Ta,"
               "\"user_agent\":\"%[capture.req.hdr(1)]\"}'\n"
               "  http-request capture req.hdr(host) len 64\n"
               "  http-request capture req.hdr(user-agent) len 64")


def haproxy(rig, variant, workers, env, cores):
    ports = ports_for("plain", "p256", "rsa", "splice")
    log_global, log_format = "", ""
    if variant == "log":
        log_global, log_format = "log stdout format raw local0 info", HAPROXY_LOG
    binds = f"bind 127.0.0.1:{ports['plain']} backlog 4096\n"
    for kind in ("p256", "rsa"):
        rig.certificate(kind)
        binds += f"  bind 127.0.0.1:{ports[kind]} backlog 4096 ssl crt {rig.path(kind + '.pem')}\n"
    server = f"server s 127.0.0.1:{rig.backend_port} pool-purge-delay 60s"
    conf = rig.write("haproxy.cfg", f"""
global
  nbthread {workers}
  maxconn {(rig.files - 900) // 2}
  maxpipes 200
  {log_global}
defaults
  mode http
  timeout connect 2s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  option forwardfor
  http-reuse always
frontend f
  {binds}
  {log_format}
  default_backend b
frontend f_splice
  bind 127.0.0.1:{ports["splice"]} backlog 4096
  option splice-request
  option splice-response
  default_backend b_splice
backend b
  {server}
backend b_splice
  option splice-request
  option splice-response
  {server}
""")
    process = rig.start([which("haproxy"), "-db", "-f", conf], cores, env, "haproxy")
    return process, ports


def h2o(rig, variant, workers, env, cores):
    ports = ports_for("plain", "p256", "rsa")
    # One mapping "listen" for each port: h2o takes no list.
    listens = f"listen:\n  host: 127.0.0.1\n  port: {ports['plain']}\n"
    for kind in ("p256", "rsa"):
        cert, key = rig.certificate(kind)
        listens += (f"listen:\n  host: 127.0.0.1\n  port: {ports[kind]}\n"
                    f"  ssl:\n    certificate-file: {cert}\n    key-file: {key}\n"
                    "    ocsp-update-interval: 0\n")
    user = "user: root" if os.geteuid() == 0 else ""
    conf = rig.write("h2o.yaml", f"""
{user}
num-threads: {workers}
max-connections: {rig.files - 500}
http1-request-timeout: 300
{listens}
hosts:
  default:
    paths:
      "/":
        proxy.reverse.url: "http://127.0.0.1:{rig.backend_port}/"
        proxy.timeout.keepalive: 300000
""")
    return rig.start([which("h2o"), "-m", "worker", "-c", conf], cores, env, "h2o"), ports


def switchback(rig, variant, workers, env, cores, name="switchback"):
    folder, ports = rig.path(name), ports_for("plain", "p256", "rsa")
    os.makedirs(os.path.join(folder, "state"), exist_ok=True)
    access = "{ access: off }"
    if variant == "log":
        access = f"{{ access: json, path: {folder}/access.log }}"
    listeners = f"  - bind: 127.0.0.1:{ports['plain']}\n"
    for kind in ("p256", "rsa"):
        cert, key = rig.certificate(kind)
        listeners += (f"  - bind: 127.0.0.1:{ports[kind]}\n"
                      f"    tls: {{ certificates: [{{ cert: {cert}, key: {key} }}] }}\n")
    conf = rig.write(name + ".yaml", f"""
listeners:
{listeners}
services:
  bench:
    blue: {{ servers: ["127.0.0.1:{rig.backend_port}"] }}
    green: {{ servers: ["127.0.0.1:{rig.backend_port}"] }}
    timeouts: {{ idle: 300s }}
admin:
  socket: {folder}/admin.sock
state_dir: {folder}/state
run_dir: {folder}
workers: {workers}
log: {access}
""")
    program = rig.switchback if name == "switchback" else rig.against
    return rig.start([program, "serve", "--config", conf], cores, env, name), ports


def against(rig, variant, workers, env, cores):
    """A second switchback: another build, or the one before a change."""
    return switchback(rig, variant, workers, env, cores, "against")


def floor(rig, variant, workers, env, cores):
    process, port = rig.start_with_port("bench_floor", [str(rig.backend_port)], cores)
    return process, {"plain": port}


STARTERS = {"switchback": switchback, "against": against, "nginx": nginx, "haproxy": haproxy,
            "h2o": h2o, "floor": floor}


def lacking(rig, names):
    """Those of the names that cannot be started here, each with the reason."""
    reasons = {}
    for name in names:
        program = process_name(name)
        if program == "switchback" and rig.switchback is None:
            reasons[name] = "build it, or say where: --switchback PATH"
        elif program == "against" and rig.against is None:
            reasons[name] = ""
        elif program in ("nginx", "haproxy", "h2o") and not which(program):
            reasons[name] = f"apt-get install {PACKAGES.get(program, program)}"
    return reasons


def start(rig, name, variant="plain", workers=1, env=None, cores=PROXY_CORES):
    if name not in STARTERS:
        die(f"no proxy is called {name}")
    process, ports = STARTERS[name](rig, variant, workers, env, cores)
    return Instance(rig, name, process, ports)
