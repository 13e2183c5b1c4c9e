"""People on a server that others reach, with their browsers, for the tests of accounts and of rights."""

import re
from types import SimpleNamespace

from argon2 import PasswordHasher
from flask import session
from flask_wtf.csrf import generate_csrf
from sqlalchemy import select, update

from webapp.storage import accounts
from webapp.storage.tables import User
from webapp.storage.trail import list_events
from webapp.uploads import queue_upload

PASSWORD = "correct horse battery"
PEOPLE = {"rita": "reader", "vera": "reviewer", "ada": "admin"}
HOME = {"base_url": "https://localhost"}


class Browser:
    """Somebody's browser, or program, on a server that others reach; it speaks as our pages' scripts do."""

    def __init__(self, site, **environment):
        self.app, self.client, self.given = site.app, site.app.test_client(), HOME | environment
        self.token = ""

    def log_in(self, name, password=PASSWORD, **form):
        answer = self.client.post("/login", data={"name": name, "password": password, **form}, **self.given)
        if answer.status_code == 302:
            self.token = self.csrf_token()
        return answer

    def csrf_token(self):
        """The token of this browser's own session."""
        with self.app.test_request_context():
            token, raw = generate_csrf(), session["csrf_token"]
        with self.client.session_transaction(**self.given) as kept:
            kept["csrf_token"] = raw
        return token

    def ask(self, method, address, **sent):
        headers = {"X-CSRFToken": self.token} | sent.pop("headers", {})
        return self.client.open(address, method=method, headers=headers, **sent, **self.given)

    def get(self, address):
        return self.ask("GET", address)


def bearer(token):
    """The header of a program's request."""
    return {"Authorization": f"Bearer {token}"}


def make_hashes_cheap(monkeypatch):
    """Have a password hashed in no time; what a hash takes is a matter of test_accounts.py."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_HASHER", hasher)
    monkeypatch.setattr(accounts, "_NOBODY", hasher.hash("nobody's"))


def site_with_people(make_site, monkeypatch):
    """A server that others reach, with a user of every role, and Olga, admin of another workspace; hashes are cheap."""
    make_hashes_cheap(monkeypatch)
    site = make_site(host="0.0.0.0")
    with site.store.database.writing() as db:
        for name, role in PEOPLE.items():
            accounts.add_user(db, name, PASSWORD, role, "clinic")
        accounts.add_user(db, "olga", PASSWORD, "admin", "other")
    return site


def enter(site, name):
    """The browser of somebody who has logged in."""
    browser = Browser(site)
    assert browser.log_in(name).status_code == 302
    return browser


def at_address(site, address):
    """A browser, or program, of its own at some address."""
    return Browser(site, environ_base={"REMOTE_ADDR": address})


def user_id(site, name):
    with site.store.database.reading() as db:
        return db.scalar(select(User.id).where(User.name == name))


def age(site, column, seconds):
    """Have everything of a table happened earlier. column : a time of it."""
    with site.store.database.writing() as db:
        db.execute(update(column.class_).values({column.key: column - seconds}))


def trail(site, workspace="clinic"):
    """Who did what, the oldest first: user, action, detail."""
    with site.store.database.reading() as db:
        found = list_events(db, workspace, 1_000)
    return [(each.user, each.action, each.detail or "") for each in found][::-1]


def put_record(site, workspace, name, npy):
    """Have a recording read in a workspace; its job's id."""
    person = accounts.Person("program", "reviewer", workspace)
    path = site.store.files.incoming()
    path.write_bytes(npy)
    with path.open("r+b") as stream:
        job = queue_upload(site.store, person, [SimpleNamespace(filename=f"{name}.npy", stream=stream)], None)
    site.worker.work_until_idle()
    return job


def told_of(answer, address):
    """What is answered, but for the page's token and the address that it came from."""
    return re.sub(r'(csrf[-_]token" (content|value))="[^"]*"', "", answer.text).replace(address, "")
