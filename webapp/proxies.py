"""Proxies before the server: whose word about a client's address, scheme and host is taken, and which address that is."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from flask import Flask
from werkzeug.http import parse_list_header
from werkzeug.middleware.proxy_fix import ProxyFix

from cardiac.errors import ConfigError

MOST_PROXIES = 9
IPV6_BITS = 64  # what one customer is given: within it anybody takes as many addresses as they like
UNTRUSTED = "cardiac.untrusted"  # key of a request's environment: who sent it is none of the proxies
WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([^:]+):\d+")
HELP = "give how many proxies there are, or their addresses, such as 10.0.0.2,10.1.0.0/16"


@dataclass(frozen=True)
class Proxies:
    """Either how many proxies are chained, or the networks that they are in."""

    count: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def has(self, address: str) -> bool:
        """Whether an address is one of the networks'."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self.networks)


def read_proxies(given: bool | int | str) -> Proxies | None:
    """What `--behind-proxy` says; None where there is no proxy, and True is one. Raises ConfigError."""
    if given is False:
        return None
    text = str(int(given)) if isinstance(given, int) else given.strip()
    if text.isascii() and text.isdigit():
        if not 1 <= len(text) <= 3 or not 1 <= int(text) <= MOST_PROXIES:
            raise ConfigError(f"--behind-proxy {text[:40]}: is a number from 1 to {MOST_PROXIES}, or addresses: {HELP}")
        return Proxies(count=int(text))
    return Proxies(networks=tuple(_network(each.strip()) for each in text.split(",")))


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(f"--behind-proxy {text[:40]!r}: is no address or network: {HELP}") from error
    if network.prefixlen == 0:
        raise ConfigError(f"--behind-proxy {text}: would trust everybody: {HELP}")
    return network


def behind(app: Any, proxies: Proxies) -> Any:
    """A WSGI application that is told of the client what its proxies say. Of host and scheme the nearest one's word counts."""
    if proxies.count:
        return ProxyFix(_PlainAddress(app), x_for=proxies.count, x_proto=1, x_host=1)
    return _Networks(app, proxies)


def believed(app: Flask, environ: Mapping[str, Any]) -> dict[str, Any]:
    """What the environment of a request becomes by its proxies, for whoever asks before the application is called."""
    corrected, settings = dict(environ), app.config["SETTINGS"]
    proxies = read_proxies(settings.behind_proxy)
    if proxies is not None:
        behind(lambda *_: (), proxies)(corrected, None)
    return corrected


class _PlainAddress:
    """Takes an address without its port, and what is no address for the proxy's own: neither makes another client."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        address = plain_address(environ.get("REMOTE_ADDR") or "")
        environ["REMOTE_ADDR"] = address or environ["werkzeug.proxy_fix.orig"]["REMOTE_ADDR"]
        return self.app(environ, start_response)


class _Networks:
    """Believes those proxies alone that are in its networks; `origins.py` refuses what UNTRUSTED marks."""

    def __init__(self, app: Any, proxies: Proxies) -> None:
        self.app, self.proxies = app, proxies
        self._fixed = ProxyFix(app, x_for=0, x_proto=1, x_host=1)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR") or ""
        environ[UNTRUSTED] = not self.proxies.has(peer)
        if environ[UNTRUSTED]:
            return self.app(environ, start_response)
        environ["REMOTE_ADDR"] = self._client(peer, environ.get("HTTP_X_FORWARDED_FOR", ""))
        return self._fixed(environ, start_response)

    def _client(self, peer: str, forwarded: str) -> str:
        """The first from the right that is no proxy; what stands left of it anybody may have written."""
        for each in reversed(parse_list_header(forwarded)):
            address = plain_address(each)
            if address is None:
                break
            peer = address
            if not self.proxies.has(address):
                break
        return peer


def plain_address(text: str) -> str | None:
    """An address as it is compared: without brackets and port, an IPv4 within IPv6 as IPv4; None for what is none."""
    match = WITH_PORT.fullmatch(text.strip())
    address = _parsed((match[1] or match[2]) if match else text.strip())
    return None if address is None else str(address)


def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    if parsed is None or parsed.version == 4:
        return str(parsed or address)
    return str(ipaddress.ip_network((int(parsed), IPV6_BITS), strict=False))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
