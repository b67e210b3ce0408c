"""The REST API of the gallery, for operators."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps import dispatch
from apps.errors import CosmicError, ErrorCode
from apps.identities import serializers
from apps.identities.models import GalleryBuild
from apps.identities.services.gallery import request_rebuild
from apps.permissions import Scope, may


class RebuildView(APIView):
    token_scope = Scope.GALLERY
    permission_classes = (may("identities.add_gallerybuild"),)

    @extend_schema(
        request=None,
        responses={202: serializers.BuildAnswer, **serializers.errors(401, 403, 409, 503)},
        summary="Re-embed all stored samples with the configured pack",
    )
    def post(self, request: Request) -> Response:
        build = request_rebuild(pack=settings.ENV.pack, actor_id=request.user.pk)
        dispatch.send_on_commit(dispatch.REBUILD_GALLERY, build.pk)
        return Response({"build": serializers.BuildValues(build).data}, status=status.HTTP_202_ACCEPTED)


class BuildView(APIView):
    token_scope = Scope.GALLERY
    permission_classes = (may("identities.add_gallerybuild"),)

    @extend_schema(
        responses={200: serializers.BuildAnswer, **serializers.errors(401, 403, 404)}, summary="How far a rebuild is"
    )
    def get(self, request: Request, build_id: int) -> Response:
        build = GalleryBuild.objects.filter(pk=build_id).first()
        if build is None:
            raise CosmicError(ErrorCode.NOT_FOUND, status=404)
        return Response({"build": serializers.BuildValues(build).data})
