"""Every error that COSMIC shows: a stable code, a sentence that a person understands, an HTTP status.

API answers, websocket messages, pages and the admin all take their words from here.
``worker.cascade.types.Reason`` is a subset of these codes; a contract test holds them together.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    # requests
    INVALID_REQUEST = "invalid_request"
    NOT_AUTHENTICATED = "not_authenticated"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CSRF_FAILED = "csrf_failed"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_FAILED_ATTEMPTS = "too_many_failed_attempts"
    TOO_LARGE = "too_large"
    # the one-time nonce of a capture
    NONCE_MISSING = "nonce_missing"
    NONCE_UNKNOWN = "nonce_unknown"
    NONCE_EXPIRED = "nonce_expired"
    NONCE_USED = "nonce_used"
    # what the person was asked to do
    CHALLENGE_IMPOSSIBLE = "challenge_impossible"
    CHALLENGE_TOO_EARLY = "challenge_too_early"
    # images
    MEDIA_MISSING = "media_missing"
    EMPTY_FILE = "empty_file"
    UNSUPPORTED_MEDIA = "unsupported_media"
    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_TRUNCATED = "image_truncated"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_ANIMATED = "image_animated"
    TOO_MANY_FRAMES = "too_many_frames"
    # sound
    AUDIO_UNREADABLE = "audio_unreadable"
    AUDIO_RATE_UNSUPPORTED = "audio_rate_unsupported"
    AUDIO_TOO_SHORT = "audio_too_short"
    AUDIO_TOO_LONG = "audio_too_long"
    AUDIO_SILENT = "audio_silent"
    AUDIO_CLIPPED = "audio_clipped"
    AUDIO_NOISY = "audio_noisy"
    # what the capture shows
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    FACE_TURNED = "face_turned"
    FACE_BLURRED = "face_blurred"
    FACE_TOO_DARK = "face_too_dark"
    FACE_TOO_BRIGHT = "face_too_bright"
    NO_SPEECH = "no_speech"
    MODALITY_MISSING = "modality_missing"
    # the cascade
    MODEL_MISSING = "model_missing"
    NOT_LIVE = "not_live"
    NO_BLINK = "no_blink"
    BLINKS_NOT_SEEN = "blinks_not_seen"
    TURN_NOT_SEEN = "turn_not_seen"
    LIGHT_NOT_SEEN = "light_not_seen"
    LIGHT_UNCLEAR = "light_unclear"
    DIGITS_NOT_HEARD = "digits_not_heard"
    LIPS_NOT_SPEAKING = "lips_not_speaking"
    STREAM_NOT_LIVE = "stream_not_live"
    VOICE_NOT_NATURAL = "voice_not_natural"
    REPLAYED = "replayed"
    TOO_FEW_FRAMES = "too_few_frames"
    MANIPULATED = "manipulated"
    NO_REFERENCE = "no_reference"
    NO_MATCH = "no_match"
    UNCERTAIN = "uncertain"
    ANSWER_WRONG = "answer_wrong"
    SECOND_FACTOR_MISSING = "second_factor_missing"
    OPERATOR_FACTOR_MISSING = "operator_factor_missing"
    SECOND_FACTOR_WANTED = "second_factor_wanted"
    TIMED_OUT = "timed_out"
    INTERNAL = "internal"
    # enrolment
    ALREADY_ENROLLED = "already_enrolled"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    INVITATION_INVALID = "invitation_invalid"
    CONSENT_MISSING = "consent_missing"
    NOTHING_USABLE = "nothing_usable"
    REBUILD_RUNNING = "rebuild_running"
    # messages
    MESSAGE_TO_SELF = "message_to_self"
    RECIPIENT_UNKNOWN = "recipient_unknown"
    RECIPIENT_MISSING = "recipient_missing"
    TEXT_TOO_LONG = "text_too_long"
    NOT_A_DRAFT = "not_a_draft"
    TOO_MANY_DRAFTS = "too_many_drafts"
    TOO_MANY_ATTACHMENTS = "too_many_attachments"
    ATTACHMENT_KIND = "attachment_kind"
    QUOTA_EXCEEDED = "quota_exceeded"
    NOT_ENROLLED = "not_enrolled"
    MESSAGE_LOCKED = "message_locked"
    MESSAGE_GONE = "message_gone"
    MESSAGE_DAMAGED = "message_damaged"
    FACE_LOST = "face_lost"
    OTHER_FACE = "other_face"
    # policy
    POLICY_UNSAFE = "policy_unsafe"
    POLICY_WEAKER = "policy_weaker"
    POLICY_CHANGED_MEANWHILE = "policy_changed_meanwhile"
    POLICY_UNREADABLE = "policy_unreadable"
    # what COSMIC stands on
    BROKER_UNAVAILABLE = "broker_unavailable"
    WORKER_UNAVAILABLE = "worker_unavailable"
    DATABASE_BUSY = "database_busy"


SENTENCES: dict[ErrorCode, str] = {
    ErrorCode.INVALID_REQUEST: "The request is incomplete or malformed.",
    ErrorCode.NOT_AUTHENTICATED: "Please sign in or send a token.",
    ErrorCode.NOT_ALLOWED: "You are not allowed to do this.",
    ErrorCode.NOT_FOUND: "There is nothing here.",
    ErrorCode.METHOD_NOT_ALLOWED: "This address does not take that kind of request.",
    ErrorCode.CSRF_FAILED: "The page is too old. Reload it and try again.",
    ErrorCode.RATE_LIMITED: "Too many requests. Please wait a moment.",
    ErrorCode.TOO_MANY_FAILED_ATTEMPTS: "Too many failed attempts. Please wait before the next one.",
    ErrorCode.TOO_LARGE: "The upload is too large.",
    ErrorCode.NONCE_MISSING: "The capture carries no nonce. Ask for one first.",
    ErrorCode.NONCE_UNKNOWN: "This capture's nonce is not known here. Ask for a new one.",
    ErrorCode.NONCE_EXPIRED: "This capture took too long to arrive. Please start again.",
    ErrorCode.NONCE_USED: "This capture was already sent once. Please make a new one.",
    ErrorCode.MEDIA_MISSING: "The capture holds no picture and no sound.",
    ErrorCode.EMPTY_FILE: "One of the files is empty.",
    ErrorCode.UNSUPPORTED_MEDIA: "One of the files is of a kind that is not accepted.",
    ErrorCode.CHALLENGE_IMPOSSIBLE: "None of the tests that remain can be used here. Please ask your operator.",
    ErrorCode.CHALLENGE_TOO_EARLY: "This capture arrived before its test was over. Please start again.",
    ErrorCode.IMAGE_UNREADABLE: "One of the pictures cannot be read.",
    ErrorCode.IMAGE_TRUNCATED: "One of the pictures is cut off.",
    ErrorCode.IMAGE_TOO_SMALL: "The picture is too small.",
    ErrorCode.IMAGE_TOO_LARGE: "The picture is too large.",
    ErrorCode.IMAGE_ANIMATED: "Animated pictures are not accepted.",
    ErrorCode.TOO_MANY_FRAMES: "The capture holds too many frames.",
    ErrorCode.AUDIO_UNREADABLE: "The sound cannot be read.",
    ErrorCode.AUDIO_RATE_UNSUPPORTED: "The sound's sampling rate is not accepted: 16 to 192 kHz is.",
    ErrorCode.AUDIO_TOO_SHORT: "The recording is too short. Please speak a little longer.",
    ErrorCode.AUDIO_TOO_LONG: "The recording is too long.",
    ErrorCode.AUDIO_SILENT: "The recording is silent. Please check your microphone.",
    ErrorCode.AUDIO_CLIPPED: "The recording is too loud. Please speak more softly or move back.",
    ErrorCode.AUDIO_NOISY: "There is too much noise. Please find a quieter place.",
    ErrorCode.NO_FACE: "No face can be seen. Please look into the camera.",
    ErrorCode.SEVERAL_FACES: "More than one face can be seen. Please be alone in the picture.",
    ErrorCode.FACE_TOO_SMALL: "Please come closer to the camera.",
    ErrorCode.FACE_TURNED: "Please face the camera.",
    ErrorCode.FACE_BLURRED: "The picture is blurred. Please hold still.",
    ErrorCode.FACE_TOO_DARK: "It is too dark. Please find more light.",
    ErrorCode.FACE_TOO_BRIGHT: "It is too bright. Please turn away from the light.",
    ErrorCode.NO_SPEECH: "No speech can be heard. Please speak.",
    ErrorCode.MODALITY_MISSING: "This needs both your face and your voice.",
    ErrorCode.MODEL_MISSING: "The system is not ready to check this. Please tell its operator.",
    ErrorCode.NOT_LIVE: "We could not see that you are here in person. Please try again in even light.",
    ErrorCode.NO_BLINK: "We did not see you blink. Please look into the camera and blink naturally.",
    ErrorCode.BLINKS_NOT_SEEN: "We did not see you blink as often as asked. Please try again and blink slowly.",
    ErrorCode.TURN_NOT_SEEN: "We did not see your head turn as asked. Please turn it further to the named side, and back.",
    ErrorCode.LIGHT_NOT_SEEN: "We did not see the screen's light on your face. Come closer and turn the screen brighter.",
    ErrorCode.LIGHT_UNCLEAR: "It is too bright here for the light test. Turn away from the light, or choose another test.",
    ErrorCode.DIGITS_NOT_HEARD: "We did not hear the digits as shown. Please read them aloud, in order.",
    ErrorCode.LIPS_NOT_SPEAKING: "Lips and voice do not go together. Please keep your mouth in the picture as you speak.",
    ErrorCode.STREAM_NOT_LIVE: "The camera's picture does not move as a live one does. Close other programs, and try again.",
    ErrorCode.VOICE_NOT_NATURAL: "The voice does not sound like one spoken here and now. Please speak directly, nearby.",
    ErrorCode.REPLAYED: "This looks like an earlier recording. Please record a new one.",
    ErrorCode.TOO_FEW_FRAMES: "The capture is too short to show that you are here in person.",
    ErrorCode.MANIPULATED: "The picture does not look like a direct camera picture. Please try again.",
    ErrorCode.NO_REFERENCE: "You could not be verified.",
    ErrorCode.NO_MATCH: "You could not be verified.",
    ErrorCode.UNCERTAIN: "One more step is needed.",
    ErrorCode.ANSWER_WRONG: "You could not be verified.",
    ErrorCode.SECOND_FACTOR_MISSING: "A second factor is needed, and none is set up. Please ask your operator.",
    ErrorCode.OPERATOR_FACTOR_MISSING: "Operators need a second factor here. Please set one up first.",
    ErrorCode.SECOND_FACTOR_WANTED: "Please enter a code of your authenticator app, or a recovery code.",
    ErrorCode.TIMED_OUT: "This took too long and was stopped. Please try again.",
    ErrorCode.INTERNAL: "Something went wrong on our side. Nothing was decided.",
    ErrorCode.ALREADY_ENROLLED: "This name is already taken.",
    ErrorCode.POSSIBLE_DUPLICATE: "An operator has to look at this enrolment before it counts.",
    ErrorCode.INVITATION_INVALID: "This invitation is not valid any more.",
    ErrorCode.CONSENT_MISSING: "Biometric data are only stored with consent.",
    ErrorCode.NOTHING_USABLE: "None of the pictures or recordings could be used.",
    ErrorCode.REBUILD_RUNNING: "A rebuild is already running.",
    ErrorCode.MESSAGE_TO_SELF: "A message cannot be sent to yourself.",
    ErrorCode.RECIPIENT_UNKNOWN: "Nobody of that name can receive messages here.",
    ErrorCode.RECIPIENT_MISSING: "Please name at least one recipient.",
    ErrorCode.TEXT_TOO_LONG: "The text is too long. Please shorten it or attach it as a file.",
    ErrorCode.NOT_A_DRAFT: "This message was sent already and cannot be changed.",
    ErrorCode.TOO_MANY_DRAFTS: "There are too many drafts. Please send or delete some first.",
    ErrorCode.TOO_MANY_ATTACHMENTS: "The message carries too many attachments.",
    ErrorCode.ATTACHMENT_KIND: "Files of this kind cannot be attached.",
    ErrorCode.QUOTA_EXCEEDED: "Your files take up all the room that you have. Please delete some messages first.",
    ErrorCode.NOT_ENROLLED: "Please enrol your face first: this opens for your face only.",
    ErrorCode.MESSAGE_LOCKED: "This message is locked. Please unlock it with your face.",
    ErrorCode.MESSAGE_GONE: "This message can no longer be opened.",
    ErrorCode.MESSAGE_DAMAGED: "This message was changed since it was sent and cannot be opened.",
    ErrorCode.FACE_LOST: "Your face is not seen. The text comes back when you do.",
    ErrorCode.OTHER_FACE: "Somebody else is in front of the camera. The message is locked.",
    ErrorCode.POLICY_UNSAFE: "This policy would not be safe, so it is refused.",
    ErrorCode.POLICY_WEAKER: "This change makes the policy weaker and has to be confirmed.",
    ErrorCode.POLICY_CHANGED_MEANWHILE: "Somebody else has changed the policy meanwhile. Look at it again first.",
    ErrorCode.POLICY_UNREADABLE: "The system cannot decide at the moment. Please tell its operator.",
    ErrorCode.WORKER_UNAVAILABLE: "Nobody can look at your camera at the moment. Please try again shortly.",
    ErrorCode.BROKER_UNAVAILABLE: "The system cannot take captures at the moment. Please try again shortly.",
    ErrorCode.DATABASE_BUSY: "The system is busy. Please try again shortly.",
}


class CosmicError(Exception):
    """An error with a stable code that becomes an answer at one place (``authsite.api_errors``).

    Arguments:
        code: the stable code.
        status: HTTP status.
        fields: messages by field name, for forms.
        retry_after: seconds until another try makes sense; sent as ``Retry-After``.
    """

    def __init__(
        self,
        code: ErrorCode,
        *,
        status: int = 400,
        fields: dict[str, list[str]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.status = status
        self.fields = fields or {}
        self.retry_after = retry_after

    @property
    def sentence(self) -> str:
        return SENTENCES[self.code]

    def as_dict(self) -> dict[str, object]:
        """The one shape of an error: ``{"error": {"code", "message", "fields"}}``."""
        return {"error": {"code": self.code.value, "message": self.sentence, "fields": self.fields}}
