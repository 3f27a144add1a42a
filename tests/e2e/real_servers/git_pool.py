"""git over HTTP: `git http-backend` behind lighttpd, and behind nginx by fcgiwrap.

Both colors serve the same repositories, as two releases of one service do.
"""
import os
import threading

from file_servers import Lighttpd, Nginx, behind_nginx
from kinds import Kind, first_of
from processes import Folder, run

ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@test",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@test",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def git(*words, cwd=None, settings=()):
    more = [word for setting in settings for word in ("-c", setting)]
    code, said = run(["git", *more, *words], 60, env=ENV, cwd=cwd)
    if code != 0:
        raise AssertionError("git %s: exit %d: %s" % (words[0], code, said))
    return said


class GitOverLighttpd(Lighttpd):
    programs, serves, check = ("lighttpd", "git", "git-http-backend"), "git", "/page.html"

    def rest(self, folder):
        return """alias.url += ("/git" => "%s")
$HTTP["url"] =~ "^/git" {
  cgi.assign = ("" => "")
  setenv.set-environment = ("GIT_PROJECT_ROOT" => "%s", "GIT_HTTP_EXPORT_ALL" => "")
}
""" % (
            first_of("git-http-backend"),
            folder.share,
        )


class GitOverFcgiwrap(Kind):
    programs, serves, check = ("nginx", "fcgiwrap", "git", "git-http-backend"), "git", "/page.html"

    def words(self, folder, port):
        folder.write("site/page.html", "here")
        Nginx.configure(
            folder,
            """
    server {
      listen 127.0.0.1:%(port)d; root %(here)s/site; client_max_body_size 0;
      location ~ ^/git(/.*)$ {
        fastcgi_pass unix:%(here)s/wrap.sock;
        fastcgi_param SCRIPT_FILENAME %(backend)s; fastcgi_param PATH_INFO $1;
        fastcgi_param GIT_PROJECT_ROOT %(share)s; fastcgi_param GIT_HTTP_EXPORT_ALL "";
        fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
        fastcgi_param REMOTE_ADDR $remote_addr;
        fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
        fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      }
    }"""
            % dict(
                port=port,
                here=folder.path,
                backend=first_of("git-http-backend"),
                share=folder.share,
            ),
        )
        return behind_nginx(
            folder, [first_of("fcgiwrap"), "-c", "2", "-s", "unix:" + folder.file("wrap.sock")]
        )


def repositories():
    """A folder with shop.git, which has one commit of text and 300 kB, and takes pushes."""
    share = Folder("git")
    work = share.file("first")
    git("init", "-q", "-b", "main", work)
    share.write("first/page.txt", "one\n" * 1000)
    share.write("first/big.bin", os.urandom(300_000))
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "first", cwd=work)
    git("clone", "-q", "--bare", work, share.file("shop.git"))
    git("config", "http.receivepack", "true", cwd=share.file("shop.git"))
    return share


class Clones:
    """What developers do, in a folder of its own."""

    def __init__(self, port, direct):
        self.folder = Folder("clones")
        self.url = "http://127.0.0.1:%d/git/shop.git" % port
        self.direct = "http://127.0.0.1:%d/git/shop.git" % direct

    def same_clone(self):
        there = [
            git("clone", "-q", url, self.folder.file(name))
            + git("rev-parse", "HEAD", cwd=self.folder.file(name))
            for name, url in (("direct", self.direct), ("passed", self.url))
        ]
        assert there[0] == there[1], "another commit: %r" % there

    def push(self, settings=()):
        """A commit of a megabyte; with a small buffer git sends it chunked, behind a probe."""
        work = self.folder.file("passed")
        with open(os.path.join(work, "more.bin"), "wb") as out:
            out.write(os.urandom(1_000_000))
        git("add", ".", cwd=work)
        git("commit", "-q", "-m", "more", cwd=work)
        git("push", "-q", "origin", "HEAD", cwd=work, settings=settings)
        commit = git("rev-parse", "HEAD", cwd=work)
        there = git("ls-remote", self.direct, "main").split()[0]
        assert commit.strip() == there, "pushed %s, there is %s" % (commit, there)

    def shallow(self):
        git("clone", "-q", "--depth", "1", self.url, self.folder.file("shallow"))
        git("fetch", "-q", "--unshallow", cwd=self.folder.file("shallow"))


def cases(pool, clones, flips):
    yield "clone", clones.same_clone
    yield "push", clones.push
    yield "push chunked", lambda: clones.push(("http.postBuffer=1000",))
    yield "shallow clone, then the rest", clones.shallow
    yield "flips under clones and pushes", lambda: flips_under(pool, clones, flips)


def flips_under(pool, clones, flips):
    """One developer clones and one pushes, over and over, until the last flip; nothing may fail."""
    done, stop, failures = threading.Semaphore(0), threading.Event(), []

    def over_and_over(what):
        number = 0
        while not stop.is_set():
            number += 1
            try:
                what(number)
            except Exception as wrong:
                failures.append(str(wrong))
            done.release()

    def clone(number):
        git("clone", "-q", clones.url, clones.folder.file("c%d" % number))

    threads = [
        threading.Thread(target=over_and_over, args=(what,))
        for what in (clone, lambda number: clones.push(("http.postBuffer=1000",)))
    ]
    for thread in threads:
        thread.start()
    for number in range(flips):
        pool.proxy.flip("green" if number % 2 == 0 else "blue")
        for _ in range(2):
            if not done.acquire(timeout=60):
                failures.append("neither clone nor push ended in 60 s")
    stop.set()
    for thread in threads:
        thread.join()
    pool.proxy.flip("blue")
    if failures:
        raise AssertionError("%d failed, first: %s" % (len(failures), failures[0]))
