"""Rules about the server itself: connection, TLS, what it is, its models, how it says no."""

from http import HTTPStatus

from inferswarm.doctor.findings import Finding, Name, note, ok, problem
from inferswarm.doctor.seen import Looked, Purpose, Reached, response_of
from inferswarm.doctor.texts import message_of
from inferswarm.exchange import Exchange, Outcome
from inferswarm.scales import NS_PER_MS

EXPIRES_SOON_DAYS = 30
_SHOWN_NAMES = 5
_SHOWN_CHARS = 160


def ms(span_ns: float) -> str:
    """A span in milliseconds."""
    value = span_ns / NS_PER_MS
    return f"{value:.2f} ms" if value < 10 else f"{value:,.0f} ms"


def reachable(reached: Reached) -> Finding:
    """Whether there is a connection, where to and how fast."""
    if reached.trouble:
        name = Name.TLS if reached.failure is Outcome.TLS else Name.REACHABLE
        name = Name.PROXY if reached.proxy and name is Name.REACHABLE else name
        sentence, _, remedy = reached.trouble.partition("; ")
        return problem(name, sentence, remedy)
    others = [one for one in reached.addresses if one != reached.address]
    also = f"; the name also stands for {', '.join(others)}" if others else ""
    by = " to the proxy" if reached.proxy else ""
    at = "" if reached.address in reached.url else f" at {reached.address}"
    sentence = f"{reached.url}: connected{by}{at} in {ms(reached.connect_ns)}{also}"
    return ok(Name.REACHABLE, sentence)


def proxy(reached: Reached) -> Finding | None:
    """A proxy on the way is part of what is measured."""
    if not reached.proxy or reached.trouble:
        return None
    return note(
        Name.PROXY,
        f"requests go by the proxy {reached.proxy}, whose time is in all that is measured",
        "--proxy none goes without",
    )


def tls(reached: Reached) -> Finding | None:
    """Version and certificate."""
    found = reached.tls
    if found is None:
        return None
    days = found.days_left
    ends = "" if days is None else f", expires in {days} days"
    told = f"{found.version}, handshake {ms(reached.tls_ns or 0)}, certificate of "
    told += f"{found.subject or 'nobody named'}{ends}"
    if not found.verified:
        why = f": {found.doubt}" if found.doubt else ""
        return note(Name.TLS, f"{told}; not verified{why}", "give --ca-file in place of --insecure")
    if days is not None and days < EXPIRES_SOON_DAYS:
        return note(Name.TLS, f"{told}; verified", "renew it before a run meets its end")
    return ok(Name.TLS, f"{told}; verified")


def backend(looked: Looked) -> Finding | None:
    """Which format was found when none was given, and why."""
    if not looked.choices:
        return None
    chosen = f"{looked.way.backend} {looked.way.api}"
    whys = [reason for one in looked.choices if str(one) == chosen for reason in one.reasons]
    rejected = {one.partition(":")[0] for one in looked.rejected}
    best = looked.choices[0].points
    likely = [str(one) for one in looked.choices if 2 * one.points >= best]
    others = [one for one in likely if one not in rejected | {chosen}]
    also = f"; also possible: {', '.join(others[:4])}" if others else ""
    tried = f"; tried first in vain: {'; '.join(looked.rejected)}" if looked.rejected else ""
    sentence = f"looks like {chosen}: {'; '.join(whys)}{tried}{also}"
    if not any(one.ok for one in looked.seen):
        return problem(Name.BACKEND, f"{sentence}; but no request succeeded", "give --backend")
    remedy = "--backend and --api choose another" if others or looked.rejected else ""
    return note(Name.BACKEND, sentence, remedy) if looked.rejected else ok(Name.BACKEND, sentence)


def auth(looked: Looked) -> Finding | None:
    """Whether the server takes our key; for a refusal see `refused`."""
    if not any(one.ok for one in looked.seen):
        return None
    return ok(Name.AUTH, "the key is accepted" if looked.key_given else "no key is asked for")


def refused(status: int, *, key_given: bool) -> Finding | None:
    """What a status says of keys; None for any other."""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return problem(Name.AUTH, f"HTTP {status}: the proxy wants a user and a password", _PROXY)
    if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return None
    if key_given:
        remedy = "check the variable of --api-key-env, or --api-key-file"
        return problem(Name.AUTH, f"HTTP {status}: the server does not accept the key", remedy)
    remedy = "set INFERSWARM_API_KEY, or give --api-key-file"
    return problem(Name.AUTH, f"HTTP {status}: the server wants a key", remedy)


_PROXY = "give them in --proxy, or in the environment's"


def deaf(exchange: Exchange, *, key_given: bool) -> Finding | None:
    """Why there is no use in asking more after such an answer to a cheap question."""
    response = response_of(exchange)
    heard = exchange.tape.data[:40]
    if exchange.failure in (Outcome.TIMEOUT_FIRST_BYTE, Outcome.TIMEOUT_TOTAL):
        said = "does not come to the end of its answer" if heard else "keeps silent"
        return problem(
            Name.BACKEND,
            f"connected, but the server {said} ({exchange.detail})",
            "is it the right port? --limit gives a slow server more time",
        )
    if response.error or not response.status:
        what = f"sends {heard!r}" if heard else exchange.detail or "sends nothing"
        return problem(
            Name.BACKEND,
            f"the server does not speak HTTP: {what}",
            "check the port, and whether it wants https://",
        )
    return refused(response.status, key_given=key_given)


def model(looked: Looked) -> Finding:
    """The name that is sent, where it is from, and what the server lists."""
    listing = looked.listing
    names = listing.names if listing else ()
    shown = ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")
    lists = f"; the server lists {shown}" if names and names != (looked.model,) else ""
    if listing and listing.trouble:
        lists = f"; no list: {listing.trouble}"
    if not looked.model:
        return ok(Name.MODEL, f"requests of this format name none{lists}")
    if not looked.model_given:
        usual = looked.model == looked.way.adapter.default_model
        origin = "the backend's usual name" if usual else "the first that the server tells"
        origin = "the one that the server tells" if names == (looked.model,) else origin
        return ok(Name.MODEL, f"{looked.model}, {origin}{lists}")
    usual_names = {looked.way.adapter.default_model, *names}
    if names and looked.model not in usual_names:
        return note(Name.MODEL, f"{looked.model}, as given, is not listed{lists}", "check --model")
    return ok(Name.MODEL, f"{looked.model}, as given{lists}")


def errors(looked: Looked) -> Finding | None:
    """What the server answers to a request that is wrong on purpose."""
    seen = looked.of(Purpose.WRONG)
    if not seen:
        return None
    record, trick = seen[0].record, seen[0].trick
    words = message_of(seen[0].response.body)[:_SHOWN_CHARS]
    if seen[0].ok:
        remedy = "a mistyped --model will not show" if "model" in trick else ""
        return note(Name.ERRORS, f"{trick} is answered as if nothing were wrong", remedy)
    if record.outcome is Outcome.HTTP_STATUS:
        said = f" and a message: {words!r}" if words else ", without a message that is known"
        return ok(Name.ERRORS, f"{trick} is answered with HTTP {record.status}{said}")
    if record.outcome is Outcome.STREAM_ERROR:
        under = "by gRPC status" if looked.way.framing == "http2" else "inside of HTTP 200"
        return ok(Name.ERRORS, f"{trick} is refused {under}: {record.detail!r}")
    return note(
        Name.ERRORS,
        f"{trick} is answered in no known form; a run counts it as {record.kind} ({record.detail})",
    )
