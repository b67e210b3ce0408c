"""What a signed-in person does with their own biometrics."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.identities.services.consent import withdraw_consent
from apps.identities.services.people import person_of


@require_POST
@login_required
def withdraw(request: HttpRequest) -> HttpResponse:
    """Withdraw consent: everything biometric is deleted; the session goes on."""
    withdraw_consent(person=person_of(request.user), actor_id=request.user.pk)
    messages.success(request, "Your consent is withdrawn. Your pictures, recordings and templates are deleted.")
    return redirect("account")
