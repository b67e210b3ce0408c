"""Everything that COSMIC reads from the environment, typed and checked once.

A wrong value stops the start with the name of the variable and what it should be.
A file named ``.env`` beside ``manage.py`` is read first; real variables win over it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from environs import Env, EnvError, validate

PROJECT = Path(__file__).resolve().parent.parent
MODALITIES = {"face", "voice"}
CHALLENGES = ["blink", "turn", "light", "digits"]  # apps/captures/challenges.py
# worker/cascade/types.py, which stays unseen here; what each looks at: docs/gates.md
GATES = ["stream", "picture", "minifasnet", "vit", "flat", "lips", "forgery", "voice_spoof", "replay"]
RULES = ["require", "advise", "off"]
FUSIONS = ["auto", "mimop", "cosmic", "logistic", "llr_sum"]  # the methods of models/fusion.py, which stays unseen here


@dataclass(frozen=True, slots=True)
class Environment:
    """The configuration of one process. Field names are the variables' names in lower case, less ``COSMIC_``."""

    host: str
    port: int
    debug: bool
    secret_key: str
    allowed_hosts: list[str]
    public_url: str
    database_url: str
    redis_url: str
    state_dir: Path
    master_key: str
    master_key_file: Path
    audit_key_file: Path
    audit_webhook_url: str
    audit_webhook_secret: str
    models_dir: Path | None
    pack: str
    fusion: str
    threads: int
    providers: list[str]
    prior: float
    cost_false_match: float
    cost_false_non_match: float
    confidence_low: float
    confidence_high: float
    second_factor_after_challenge: bool
    operators_need_second_factor: bool
    required_modalities: list[str]
    gates: dict[str, str]
    challenges: list[str]
    challenge_count: int
    challenge_choice: bool
    challenge_deadline_seconds: int
    replay_memory: int
    trusted_proxies: list[str]
    rate_limit: str
    capture_ticket_seconds: int
    capture_retention_days: int
    attempt_retention_days: int
    enrolment_job_retention_days: int
    capture_max_bytes: int
    capture_max_frames: int
    attachment_max_bytes: int
    groq_api_key: str
    groq_base_url: str
    groq_model: str
    log_level: str


def read_environment(*, dotenv: Path | None = PROJECT / ".env") -> Environment:
    """Read and check the environment.

    Raises:
        environs.EnvError: a variable is missing or wrong; the message names it.
    """
    env = Env(prefix=None)
    if dotenv and dotenv.is_file():
        env.read_env(str(dotenv), recurse=False)
    state_dir = env.path("COSMIC_STATE_DIR", PROJECT / "var")
    share = validate.Range(min=0, max=1, min_inclusive=False, max_inclusive=False)
    cost = validate.Range(min=0, min_inclusive=False)
    models_dir = env.str("COSMIC_MODELS_DIR", "")
    port = env.int("COSMIC_PORT", 8000, validate=validate.Range(min=1, max=65535))
    capture_max_bytes = env.int("COSMIC_CAPTURE_MAX_BYTES", 25 * 1024 * 1024, validate=validate.Range(min=1024))
    environment = Environment(
        host=env.str("COSMIC_HOST", "127.0.0.1"),
        port=port,
        debug=env.bool("COSMIC_DEBUG", False),
        secret_key=env.str("COSMIC_SECRET_KEY", ""),
        allowed_hosts=env.list("COSMIC_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"]),
        public_url=env.str("COSMIC_PUBLIC_URL", f"http://localhost:{port}"),
        database_url=env.str("DATABASE_URL", f"sqlite:///{state_dir / 'cosmic.sqlite3'}"),
        redis_url=env.str("REDIS_URL", ""),
        state_dir=state_dir,
        master_key=env.str("COSMIC_MASTER_KEY", ""),
        master_key_file=env.path("COSMIC_MASTER_KEY_FILE", state_dir / "keys" / "master.key"),
        audit_key_file=env.path("COSMIC_AUDIT_KEY_FILE", state_dir / "keys" / "audit.key"),
        audit_webhook_url=env.str("COSMIC_AUDIT_WEBHOOK_URL", "", validate=validate.Regexp(r"^(https?://.+)?$")),
        audit_webhook_secret=env.str("COSMIC_AUDIT_WEBHOOK_SECRET", ""),
        models_dir=Path(models_dir) if models_dir else None,
        pack=env.str("COSMIC_PACK", "builtin"),
        fusion=env.str("COSMIC_FUSION", "auto", validate=validate.OneOf(FUSIONS)),
        threads=env.int("COSMIC_THREADS", 2, validate=validate.Range(min=1, max=64)),
        providers=env.list("COSMIC_ONNX_PROVIDERS", ["CPUExecutionProvider"]),
        prior=env.float("COSMIC_PRIOR", 0.01, validate=share),
        cost_false_match=env.float("COSMIC_COST_FALSE_MATCH", 1.0, validate=cost),
        cost_false_non_match=env.float("COSMIC_COST_FALSE_NON_MATCH", 1.0, validate=cost),
        confidence_low=env.float("COSMIC_CONFIDENCE_LOW", 0.40, validate=share),
        confidence_high=env.float("COSMIC_CONFIDENCE_HIGH", 0.60, validate=share),
        second_factor_after_challenge=env.bool("COSMIC_SECOND_FACTOR_AFTER_CHALLENGE", True),
        operators_need_second_factor=env.bool("COSMIC_OPERATORS_NEED_SECOND_FACTOR", False),
        required_modalities=env.list("COSMIC_REQUIRED_MODALITIES", ["face"]),
        gates=env.dict("COSMIC_GATES", {}),
        challenges=env.list("COSMIC_CHALLENGES", ["turn", "light"]),
        challenge_count=env.int("COSMIC_CHALLENGE_COUNT", 1, validate=validate.Range(min=0, max=len(CHALLENGES))),
        challenge_choice=env.bool("COSMIC_CHALLENGE_CHOICE", True),
        challenge_deadline_seconds=env.int(
            "COSMIC_CHALLENGE_DEADLINE_SECONDS", 20, validate=validate.Range(min=5, max=600)
        ),
        replay_memory=env.int("COSMIC_REPLAY_MEMORY", 50, validate=validate.Range(min=1, max=1000)),
        trusted_proxies=env.list("COSMIC_TRUSTED_PROXIES", []),
        rate_limit=env.str("COSMIC_RATE_LIMIT", "120/m", validate=validate.Regexp(r"^\d+/[smhd]$")),
        capture_ticket_seconds=env.int("COSMIC_CAPTURE_TICKET_SECONDS", 120, validate=validate.Range(min=10, max=3600)),
        capture_retention_days=env.int("COSMIC_CAPTURE_RETENTION_DAYS", 0, validate=validate.Range(min=0, max=3650)),
        attempt_retention_days=env.int("COSMIC_ATTEMPT_RETENTION_DAYS", 365, validate=validate.Range(min=1, max=3650)),
        enrolment_job_retention_days=env.int(
            "COSMIC_ENROLMENT_JOB_RETENTION_DAYS", 90, validate=validate.Range(min=1, max=3650)
        ),
        capture_max_bytes=capture_max_bytes,
        capture_max_frames=env.int("COSMIC_CAPTURE_MAX_FRAMES", 160, validate=validate.Range(min=1, max=600)),
        attachment_max_bytes=env.int(
            "COSMIC_ATTACHMENT_MAX_BYTES",
            min(20 * 1024 * 1024, capture_max_bytes),
            validate=validate.Range(min=1024, max=capture_max_bytes),  # one upload carries one of them
        ),
        groq_api_key=env.str("GROQ_API_KEY", ""),
        groq_base_url=env.str("GROQ_BASE_URL", "https://api.groq.com"),
        groq_model=env.str("GROQ_MODEL", "llama-3.1-8b-instant"),
        log_level=env.str("COSMIC_LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])),
    )
    _check(environment)
    return environment


def _check(env: Environment) -> None:
    """What a single variable cannot say of itself."""
    if env.confidence_low > env.confidence_high:
        raise EnvError("COSMIC_CONFIDENCE_LOW must not lie above COSMIC_CONFIDENCE_HIGH")
    if not env.required_modalities or not set(env.required_modalities) <= MODALITIES:
        raise EnvError(f"COSMIC_REQUIRED_MODALITIES must name some of {', '.join(sorted(MODALITIES))}")
    if not set(env.gates) <= set(GATES) or not set(env.gates.values()) <= set(RULES):
        raise EnvError(f"COSMIC_GATES is gate=rule,...: gates {', '.join(GATES)}; rules {', '.join(RULES)}")
    if not set(env.challenges) <= set(CHALLENGES):
        raise EnvError(f"COSMIC_CHALLENGES must name some of {', '.join(CHALLENGES)}")
    if len(set(env.challenges)) < env.challenge_count:
        raise EnvError(
            "COSMIC_CHALLENGE_COUNT must not be larger than the number of COSMIC_CHALLENGES; 0 asks for none"
        )
    if env.audit_webhook_url and len(env.audit_webhook_secret) < 16:
        raise EnvError("COSMIC_AUDIT_WEBHOOK_URL needs a COSMIC_AUDIT_WEBHOOK_SECRET of 16 characters at least")
    for proxy in env.trusted_proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            raise EnvError(f"COSMIC_TRUSTED_PROXIES: {error}") from error
