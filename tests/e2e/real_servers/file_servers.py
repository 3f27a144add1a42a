"""Servers of files: nginx, Apache, lighttpd."""

import os

from http_client import pattern
from kinds import Kind, first_of

PAGE = ("<p>" + "switchback and a real server " * 40 + "</p>\n") * 85


def site(folder):
    """What servers of files serve; it is old, since Apache tags weakly what is new."""
    for name, content in (("page.html", PAGE), ("big.bin", pattern(5_000_000))):
        os.utime(folder.write("site/" + name, content), (1_600_000_000, 1_600_000_000))
    os.makedirs(folder.file("site/dav"), exist_ok=True)
    for place in ("site/dav", "."):
        os.chmod(folder.file(place), 0o777)  # Apache's children are another user


class Nginx(Kind):
    programs, serves, check = ("nginx",), "files", "/page.html"
    gzip_proxied = "any"

    def words(self, folder, port):
        site(folder)
        self.configure(
            folder,
            """
    gzip on; gzip_types text/html; gzip_proxied %s;
    server {
      listen 127.0.0.1:%d; root %s; add_header X-Color %s always; client_max_body_size 0;
      location /dav/ { dav_methods PUT DELETE MKCOL COPY MOVE; }
    }"""
            % (self.gzip_proxied, port, folder.file("site"), folder.color),
        )
        return self.command(folder)

    @staticmethod
    def command(folder):
        return [
            first_of("nginx"),
            "-p",
            folder.path,
            "-c",
            folder.file("nginx.conf"),
            "-e",
            "stderr",
        ]

    @staticmethod
    def configure(folder, rest):
        temporary = "".join(
            "    %s_temp_path %s;\n" % (name, folder.file("t_" + name))
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        folder.write(
            "nginx.conf",
            """daemon off; pid %s; error_log stderr;
%sworker_processes 1;
events { worker_connections 256; }
http {
    access_log off; types { text/html html; } default_type application/octet-stream;
%s%s
}
"""
            % (folder.file("pid"), "user root;\n" if os.getuid() == 0 else "", temporary, rest),
        )


class Apache(Kind):
    programs, serves, check = ("apache2",), "files", "/page.html"
    modules = "/usr/lib/apache2/modules"
    directives = ""
    names = (
        "mpm_event",
        "authz_core",
        "mime",
        "headers",
        "deflate",
        "filter",
        "dav",
        "dav_fs",
        "dir",
    )

    def words(self, folder, port):
        site(folder)
        load = "".join(
            "LoadModule %s_module %s/mod_%s.so\n" % (name, self.modules, name)
            for name in self.names
        )
        user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        folder.write(
            "apache.conf",
            """ServerName site.test
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
"""
            % dict(
                port=port,
                load=load,
                user=user,
                here=folder.path,
                color=folder.color,
                more=self.directives,
            ),
        )
        return [
            first_of("apache2"),
            "-X" if os.getuid() != 0 else "-DFOREGROUND",
            "-f",
            folder.file("apache.conf"),
        ]


class Lighttpd(Kind):
    programs, serves, check = ("lighttpd",), "files", "/page.html"

    def words(self, folder, port):
        site(folder)
        folder.write(
            "lighttpd.conf",
            """server.modules = ("mod_setenv", "mod_deflate", "mod_alias", "mod_cgi")
server.document-root = "%(here)s/site"
server.bind = "127.0.0.1"
server.port = %(port)d
server.upload-dirs = ("%(here)s")
mimetype.assign = (".html" => "text/html", "" => "application/octet-stream")
deflate.mimetypes = ("text/html")
deflate.allowed-encodings = ("gzip")
setenv.add-response-header = ("X-Color" => "%(color)s")
%(more)s
"""
            % dict(here=folder.path, port=port, color=folder.color, more=self.rest(folder)),
        )
        return [first_of("lighttpd"), "-D", "-f", folder.file("lighttpd.conf")]

    def rest(self, folder):
        return ""


def behind_nginx(folder, words):
    """A command that runs nginx beside `words` in one process group; they end together."""
    return [
        "/bin/sh",
        "-c",
        'nginx=$1; folder=$2; shift 2; "$nginx" -p "$folder" -c "$folder/nginx.conf" '
        '-e stderr & exec "$@"',
        "sh",
        first_of("nginx"),
        folder.path,
        *words,
    ]
