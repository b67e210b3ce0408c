"""The questions of the cognitive challenge, sealed with their answers."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass

from django.db import transaction

from apps.audit.services.record import record_event
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person, SecurityQuestion
from apps.identities.vault import seal, unseal

PURPOSE = "questions"
MOST = 5
SHORTEST_QUESTION, LONGEST_QUESTION = 8, 200
SHORTEST_ANSWER, LONGEST_ANSWER = 3, 100


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    question: str
    answer: str


def set_questions(*, person: Person, questions: list[OpenQuestion], actor_id: object) -> None:
    """Replace the person's questions.

    Raises:
        CosmicError: ``invalid_request`` naming what is too short, too long, too many, or gives itself away.
    """
    _check(questions)
    with transaction.atomic():
        person.questions.all().delete()
        for one in questions:
            SecurityQuestion.objects.create(
                person=person,
                question=seal(one.question.strip().encode(), purpose=PURPOSE, bound_to=question_place(person.pk)),
                answer=seal(one.answer.strip().encode(), purpose=PURPOSE, bound_to=answer_place(person.pk)),
            )
        record_event(
            action="questions.set", actor_id=actor_id, subject_id=person.public_id, details={"count": len(questions)}
        )


def any_question(person: Person) -> SecurityQuestion | None:
    """One of the person's questions, drawn at random; None when there is none."""
    questions = list(person.questions.all())
    return secrets.choice(questions) if questions else None


def open_question(question: SecurityQuestion) -> OpenQuestion:
    """Raises apps.identities.vault.Unsealable when the row was changed or moved."""
    return OpenQuestion(
        unseal(question.question, purpose=PURPOSE, bound_to=question_place(question.person_id)).decode(),
        unseal(question.answer, purpose=PURPOSE, bound_to=answer_place(question.person_id)).decode(),
    )


def question_place(person_id: int) -> str:
    """What the questions of a person are bound to."""
    return f"person:{person_id}"


def answer_place(person_id: int) -> str:
    """What the answers of a person are bound to."""
    return f"{question_place(person_id)}|answer"


def plain(text: str) -> str:
    """Text as it is compared: case, accents' spelling, punctuation and spaces do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(letter if letter.isalnum() else " " for letter in folded).split())


def _check(questions: list[OpenQuestion]) -> None:
    def refuse(message: str) -> None:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"questions": [message]})

    if len(questions) > MOST:
        refuse(f"At most {MOST} questions.")
    for one in questions:
        if not SHORTEST_QUESTION <= len(one.question.strip()) <= LONGEST_QUESTION:
            refuse(f"A question has {SHORTEST_QUESTION} to {LONGEST_QUESTION} characters.")
        if not len(plain(one.answer)) >= SHORTEST_ANSWER or len(one.answer) > LONGEST_ANSWER:
            refuse(f"An answer has {SHORTEST_ANSWER} to {LONGEST_ANSWER} letters or digits.")
        if plain(one.answer) in plain(one.question):
            refuse("The answer must not be part of its question.")
