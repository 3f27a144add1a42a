"""Servers of applications: Python, Ruby, PHP, Java and Node."""

import os

from file_servers import Nginx, behind_nginx
from kinds import APPS, NODE, Kind, first_of


class Gunicorn(Kind):
    programs, options, workers, application = ("gunicorn",), (), 2, "wsgi:application"

    def words(self, folder, port):
        return [
            first_of("gunicorn"),
            "--bind",
            "127.0.0.1:%d" % port,
            "--workers",
            str(self.workers),
            "--worker-tmp-dir",
            folder.path,
            *self.options,
            self.application,
        ]


class Uvicorn(Kind):
    programs = ("uvicorn",)

    def words(self, folder, port):
        return [
            first_of("uvicorn"),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--ws",
            "wsproto",
            "--log-level",
            "warning",
            "asgi:application",
        ]


class Uwsgi(Kind):
    """Without the field uWSGI closes after each answer and does not say so (docs/servers.md)."""

    programs, options, reads = ("uwsgi",), ("--add-header", "Connection: close"), "READ_CHUNKS"

    def words(self, folder, port):
        return [
            first_of("uwsgi"),
            "--plugin",
            "python3",
            "--http-socket",
            "127.0.0.1:%d" % port,
            "--master",
            "--workers",
            "2",
            "--die-on-term",
            "--disable-logging",
            "--need-app",
            "--pythonpath",
            APPS,
            "--module",
            "wsgi",
            *self.options,
        ]

    def environment(self, color):
        return dict(super().environment(color), **({self.reads: "1"} if self.reads else {}))


class Puma(Kind):
    programs = ("puma",)

    def words(self, folder, port):
        return [
            first_of("puma"),
            "--bind",
            "tcp://127.0.0.1:%d" % port,
            "--threads",
            "1:4",
            "--environment",
            "production",
            "--dir",
            folder.path,
            os.path.join(APPS, "config.ru"),
        ]


class Php(Kind):
    programs = ("php",)

    def words(self, folder, port):
        return [
            first_of("php"),
            "-S",
            "127.0.0.1:%d" % port,
            "-t",
            folder.path,
            os.path.join(APPS, "index.php"),
        ]

    def environment(self, color):
        return dict(super().environment(color), PHP_CLI_SERVER_WORKERS="3")


class PhpFpm(Kind):
    """php-fpm behind nginx, both in one group."""

    names = tuple("php-fpm8.%d" % minor for minor in range(9, 0, -1))

    def missing(self):
        return [
            name
            for name, found in (("php-fpm", first_of(*self.names)), ("nginx", first_of("nginx")))
            if found is None
        ]

    def words(self, folder, port):
        folder.write(
            "fpm.conf",
            """[global]
error_log = /dev/stderr
daemonize = no
[www]
%slisten = %s
pm = static
pm.max_children = 3
clear_env = no
"""
            % ("user = root\ngroup = root\n" if os.getuid() == 0 else "", folder.file("fpm.sock")),
        )
        Nginx.configure(
            folder,
            """
    server {
      listen 127.0.0.1:%d; client_max_body_size 0;
      location / {
        fastcgi_pass unix:%s;
        fastcgi_param SCRIPT_FILENAME %s; fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param REQUEST_URI $request_uri; fastcgi_param QUERY_STRING $query_string;
        fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
        fastcgi_param SERVER_PROTOCOL $server_protocol;
      }
    }"""
            % (port, folder.file("fpm.sock"), os.path.join(APPS, "index.php")),
        )
        return behind_nginx(
            folder,
            [
                first_of(*self.names),
                "-F",
                "-y",
                folder.file("fpm.conf"),
                *(["-R"] if os.getuid() == 0 else []),
            ],
        )


class Tomcat(Kind):
    valve = ""
    homes = ("/usr/share/tomcat10", "/usr/share/tomcat11")

    def missing(self):
        return [] if self.home() and first_of("java") else ["tomcat10-common and a Java runtime"]

    def home(self):
        return next(
            (home for home in self.homes if os.path.exists(home + "/bin/bootstrap.jar")), None
        )

    def words(self, folder, port):
        folder.write(
            "conf/server.xml",
            """<Server port="-1"><Service name="s">
<Connector port="%d" address="127.0.0.1" protocol="HTTP/1.1" maxThreads="20"/>
<Engine name="e" defaultHost="h"><Host name="h" appBase="apps" autoDeploy="false">
%s<Context path="" docBase="%s"/></Host></Engine></Service></Server>
"""
            % (port, self.valve, folder.file("apps/ROOT")),
        )
        folder.write(
            "conf/web.xml", '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0"/>'
        )
        with open(os.path.join(APPS, "app.jsp"), encoding="ascii") as page:
            folder.write("apps/ROOT/app.jsp", page.read())
        folder.write(
            "apps/ROOT/WEB-INF/web.xml",
            """<web-app
xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">
<servlet><servlet-name>app</servlet-name>
<servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class>
<init-param><param-name>jspFile</param-name>
<param-value>/app.jsp</param-value></init-param></servlet>
<servlet-mapping><servlet-name>app</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>
</web-app>
""",
        )
        for place in ("temp", "logs", "work"):
            os.makedirs(folder.file(place), exist_ok=True)
        home = self.home()
        return [
            first_of("java"),
            "-Xmx128m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            home + "/bin/bootstrap.jar:" + home + "/bin/tomcat-juli.jar",
            "-Dcatalina.home=" + home,
            "-Dcatalina.base=" + folder.path,
            "-Djava.io.tmpdir=" + folder.file("temp"),
            "org.apache.catalina.startup.Bootstrap",
            "start",
        ]


class Node(Kind):
    programs, script = ("node",), "http.js"

    def words(self, folder, port):
        return [first_of("node"), os.path.join(NODE, self.script), str(port)]
