"""Django as it is set up behind a proxy: it knows its name, and whom to believe about HTTPS."""
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["site.test"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)


def scheme(request):
    answer = HttpResponse(
        "scheme=%s\nlink=%s\n" % (request.scheme, request.build_absolute_uri("/x"))
    )
    answer["X-Color"] = os.environ["COLOR"]
    return answer


urlpatterns = [path("fields", scheme)]
application = get_wsgi_application()
