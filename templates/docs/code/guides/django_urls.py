from django.urls import path

from . import views

urlpatterns = [path("code/", views.send_code), path("sign-in/", views.sign_in)]
