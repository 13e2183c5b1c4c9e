"""Links by which somebody chooses their own password, once: signed, for one user, ended by the password and by days."""

from flask import current_app, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from webapp.storage.tables import User

INVITED_DAYS = 3


def invitation(user: User) -> str:
    """The link for a user. It ends with their next password, or when they are closed: both count up their epoch."""
    return url_for("pages.welcome", key=_signer().dumps([user.id, user.epoch]), _external=True)


def invited_user(session: Session, key: str, is_changed: bool = False) -> User | None:
    """Whose link it is, while it opens anything. is_changed : until the transaction ends nobody else changes them."""
    try:
        kept = _signer().loads(key, max_age=INVITED_DAYS * 86_400)
    except BadData:
        return None
    if not (isinstance(kept, list) and len(kept) == 2):
        return None
    user = session.get(User, kept[0], with_for_update=is_changed or None)
    return user if user is not None and user.is_active and user.epoch == kept[1] else None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="invitation")
