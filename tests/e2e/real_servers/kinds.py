"""The kinds of servers: how each is started for one color. Everything is on loopback, in a folder of its own.

A kind's `words(folder, port)` writes what the server needs and returns the command. `programs` are looked
for first; each is a Debian package's (./dev needs() names it). The table KINDS is in the order of the report.
"""
import os
import shutil

from http_client import pattern
from processes import Folder, NotStarted, Process, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
APPS = os.path.join(HERE, "apps")
NODE = os.path.join(HERE, "node")
NODE_MODULES = {"path": ""}   # filled in by node_modules.prepare()
PAGE = ("<p>" + "switchback and a real server " * 40 + "</p>\n") * 85


def first_of(*names):
    """The first of these programs that is there; a server's folder is often not in PATH."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/git-core"
    return next((found for found in (shutil.which(name, path=path) for name in names) if found), None)


class Kind:
    """`fast` kinds run in ./dev test, all others with --long only."""

    fast = False
    programs = ()
    serves = "application"
    reads_chunked = True      # requests whose body has no length reach the application
    check = "/bytes?n=1"
    more = ""                 # YAML of the service

    def __init__(self, name, **changes):
        self.name = name
        for key, value in changes.items():
            setattr(self, key, value)

    def words(self, folder, port):
        raise NotImplementedError

    def environment(self, color):
        return {"COLOR": color, "PYTHONPATH": APPS, "NODE_PATH": NODE_MODULES["path"]}

    def missing(self):
        return [name for name in self.programs if first_of(name) is None]


def site(folder):
    """The files that servers of files serve; old ones, since Apache calls what is new weakly tagged."""
    for name, content in (("page.html", PAGE), ("big.bin", pattern(5_000_000))):
        os.utime(folder.write("site/" + name, content), (1_600_000_000, 1_600_000_000))
    os.makedirs(folder.file("site/dav"), exist_ok=True)
    for place in ("site/dav", "."):
        os.chmod(folder.file(place), 0o777)   # Apache's children are another user


class Nginx(Kind):
    programs, serves, check = ("nginx",), "files", "/page.html"
    gzip_proxied = "any"

    def words(self, folder, port):
        site(folder)
        self.configure(folder, """
    gzip on; gzip_types text/html; gzip_proxied %s;
    server {
      listen 127.0.0.1:%d; root %s; add_header X-Color %s always; client_max_body_size 0;
      location /dav/ { dav_methods PUT DELETE MKCOL COPY MOVE; }
    }""" % (self.gzip_proxied, port, folder.file("site"), folder.color))
        return self.command(folder)

    @staticmethod
    def command(folder):
        return [first_of("nginx"), "-p", folder.path, "-c", folder.file("nginx.conf"), "-e", "stderr"]

    @staticmethod
    def configure(folder, rest):
        temporary = "".join("    %s_temp_path %s;\n" % (name, folder.file("t_" + name)) for name in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        folder.write("nginx.conf", """daemon off; pid %s; error_log stderr;
%sworker_processes 1;
events { worker_connections 256; }
http {
    access_log off; types { text/html html; } default_type application/octet-stream;
%s%s
}
""" % (folder.file("pid"), "user root;\n" if os.getuid() == 0 else "", temporary, rest))


class Apache(Kind):
    programs, serves, check = ("apache2",), "files", "/page.html"
    modules = "/usr/lib/apache2/modules"
    directives = ""
    names = ("mpm_event", "authz_core", "mime", "headers", "deflate", "filter", "dav", "dav_fs", "dir")

    def words(self, folder, port):
        site(folder)
        load = "".join("LoadModule %s_module %s/mod_%s.so\n" % (name, self.modules, name)
                       for name in self.names)
        user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        folder.write("apache.conf", """ServerName site.test
Listen 127.0.0.1:%(port)d
%(load)s%(user)sPidFile %(here)s/pid
ErrorLog /dev/stderr
DefaultRuntimeDir %(here)s
TypesConfig /dev/null
AddType text/html .html
AddType application/octet-stream .bin
AddOutputFilterByType DEFLATE text/html
DocumentRoot %(here)s/site
DavLockDB %(here)s/locks
StartServers 1
Header always set X-Color %(color)s
%(more)s<Directory %(here)s/site>
  Require all granted
</Directory>
<Directory %(here)s/site/dav>
  Dav On
</Directory>
""" % dict(port=port, load=load, user=user, here=folder.path, color=folder.color,
           more=self.directives))
        return [first_of("apache2"), "-X" if os.getuid() != 0 else "-DFOREGROUND", "-f",
                folder.file("apache.conf")]


class Lighttpd(Kind):
    programs, serves, check = ("lighttpd",), "files", "/page.html"

    def words(self, folder, port):
        site(folder)
        folder.write("lighttpd.conf", """server.modules = ("mod_setenv", "mod_deflate", "mod_alias", "mod_cgi")
server.document-root = "%(here)s/site"
server.bind = "127.0.0.1"
server.port = %(port)d
server.upload-dirs = ("%(here)s")
mimetype.assign = (".html" => "text/html", "" => "application/octet-stream")
deflate.mimetypes = ("text/html")
deflate.allowed-encodings = ("gzip")
setenv.add-response-header = ("X-Color" => "%(color)s")
%(more)s
""" % dict(here=folder.path, port=port, color=folder.color, more=self.rest(folder)))
        return [first_of("lighttpd"), "-D", "-f", folder.file("lighttpd.conf")]

    def rest(self, folder):
        return ""


class Gunicorn(Kind):
    programs, options, workers, application = ("gunicorn",), (), 2, "wsgi:application"

    def words(self, folder, port):
        return [first_of("gunicorn"), "--bind", "127.0.0.1:%d" % port, "--workers", str(self.workers),
                "--worker-tmp-dir", folder.path, *self.options, self.application]


class Uvicorn(Kind):
    programs = ("uvicorn",)

    def words(self, folder, port):
        return [first_of("uvicorn"), "--host", "127.0.0.1", "--port", str(port), "--ws", "wsproto",
                "--log-level", "warning", "asgi:application"]


class Uwsgi(Kind):
    """Without the field uWSGI closes after each answer and does not say so (docs/servers.md)."""

    programs, options, reads = ("uwsgi",), ("--add-header", "Connection: close"), "READ_CHUNKS"

    def words(self, folder, port):
        return [first_of("uwsgi"), "--plugin", "python3", "--http-socket", "127.0.0.1:%d" % port,
                "--master", "--workers", "2", "--die-on-term", "--disable-logging", "--need-app",
                "--pythonpath", APPS, "--module", "wsgi", *self.options]

    def environment(self, color):
        return dict(super().environment(color), **({self.reads: "1"} if self.reads else {}))


class Puma(Kind):
    programs = ("puma",)

    def words(self, folder, port):
        return [first_of("puma"), "--bind", "tcp://127.0.0.1:%d" % port, "--threads", "1:4",
                "--environment", "production", "--dir", folder.path, os.path.join(APPS, "config.ru")]


class Php(Kind):
    programs = ("php",)

    def words(self, folder, port):
        return [first_of("php"), "-S", "127.0.0.1:%d" % port, "-t", folder.path,
                os.path.join(APPS, "index.php")]

    def environment(self, color):
        return dict(super().environment(color), PHP_CLI_SERVER_WORKERS="3")


class PhpFpm(Kind):
    """php-fpm behind nginx, both in one group: nginx is started by the shell that becomes php-fpm."""

    names = tuple("php-fpm8.%d" % minor for minor in range(9, 0, -1))

    def missing(self):
        return [name for name, found in (("php-fpm", first_of(*self.names)), ("nginx", first_of("nginx")))
                if found is None]

    def words(self, folder, port):
        folder.write("fpm.conf", """[global]
error_log = /dev/stderr
daemonize = no
[www]
%slisten = %s
pm = static
pm.max_children = 3
clear_env = no
""" % ("user = root\ngroup = root\n" if os.getuid() == 0 else "", folder.file("fpm.sock")))
        Nginx.configure(folder, """
    server {
      listen 127.0.0.1:%d; client_max_body_size 0;
      location / {
        fastcgi_pass unix:%s;
        fastcgi_param SCRIPT_FILENAME %s; fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param REQUEST_URI $request_uri; fastcgi_param QUERY_STRING $query_string;
        fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
        fastcgi_param SERVER_PROTOCOL $server_protocol;
      }
    }""" % (port, folder.file("fpm.sock"), os.path.join(APPS, "index.php")))
        return behind_nginx(folder, [first_of(*self.names), "-F", "-y", folder.file("fpm.conf"),
                                     *(["-R"] if os.getuid() == 0 else [])])


def behind_nginx(folder, words):
    """A command that runs nginx beside `words` in one process group; they end together."""
    return ["/bin/sh", "-c", 'nginx=$1; folder=$2; shift 2; "$nginx" -p "$folder" -c "$folder/nginx.conf" '
            '-e stderr & exec "$@"', "sh", first_of("nginx"), folder.path, *words]


class Tomcat(Kind):
    valve = ""
    homes = ("/usr/share/tomcat10", "/usr/share/tomcat11")

    def missing(self):
        return [] if self.home() and first_of("java") else ["tomcat10-common and a Java runtime"]

    def home(self):
        return next((home for home in self.homes if os.path.exists(home + "/bin/bootstrap.jar")), None)

    def words(self, folder, port):
        folder.write("conf/server.xml", """<Server port="-1"><Service name="s">
<Connector port="%d" address="127.0.0.1" protocol="HTTP/1.1" maxThreads="20"/>
<Engine name="e" defaultHost="h"><Host name="h" appBase="apps" autoDeploy="false">
%s<Context path="" docBase="%s"/></Host></Engine></Service></Server>
""" % (port, self.valve, folder.file("apps/ROOT")))
        folder.write("conf/web.xml", '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0"/>')
        with open(os.path.join(APPS, "app.jsp"), encoding="ascii") as page:
            folder.write("apps/ROOT/app.jsp", page.read())
        folder.write("apps/ROOT/WEB-INF/web.xml", """<web-app
xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">
<servlet><servlet-name>app</servlet-name><servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class>
<init-param><param-name>jspFile</param-name><param-value>/app.jsp</param-value></init-param></servlet>
<servlet-mapping><servlet-name>app</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>
</web-app>
""")
        for place in ("temp", "logs", "work"):
            os.makedirs(folder.file(place), exist_ok=True)
        home = self.home()
        return [first_of("java"), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                "-cp", home + "/bin/bootstrap.jar:" + home + "/bin/tomcat-juli.jar",
                "-Dcatalina.home=" + home, "-Dcatalina.base=" + folder.path,
                "-Djava.io.tmpdir=" + folder.file("temp"), "org.apache.catalina.startup.Bootstrap", "start"]


class Node(Kind):
    programs, script = ("node",), "http.js"

    def words(self, folder, port):
        return [first_of("node"), os.path.join(NODE, self.script), str(port)]


class Server:
    """A kind's server of one color, started; tried again when its port was taken meanwhile."""

    def __init__(self, kind, color, share=None):
        self.kind, self.color = kind, color
        for attempt in range(3):
            self.folder = Folder(kind.name)
            self.folder.color, self.folder.share = color, share
            self.port = free_port()
            self.process = Process(kind.words(self.folder, self.port), self.folder.file("log"),
                                   env=kind.environment(color), cwd=self.folder.path)
            try:
                self.process.wait_for_port(self.port)
                return
            except NotStarted:
                self.end()
                if attempt == 2:
                    raise

    def end(self):
        self.process.end()
        self.log = self.process.last_lines()
        self.folder.remove()
