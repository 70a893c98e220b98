"""The tour of one route: which requests are sent, in which order, and what of them is kept."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from inferswarm.adapters import HttpRequest, Wanted, table
from inferswarm.adapters.table import Route
from inferswarm.config.tree import RunConfig
from inferswarm.doctor import seen
from inferswarm.doctor.about_server import deaf, refused
from inferswarm.doctor.client import Client
from inferswarm.doctor.findings import Finding, Name, problem
from inferswarm.doctor.seen import Choice, Listing, Looked, Purpose, Seen, response_of
from inferswarm.exchange import Exchange, Outcome
from inferswarm.prompts import Prompt

ANSWER_TOKENS = 16
EXACT_TOKENS = 24
LOOK_S = 5.0
REQUEST_S = 30.0
TIMES = 2
_PROMPT = "Count from one to twenty in words:"
_BRIEF = "Answer with one word only. Is water wet?"
_UNKNOWN_MODEL = "no-such-model-inferswarm-doctor"
_UNKNOWN_CALL = "/jetstream_proto.Orchestrator/NoSuchCall"


class StopError(Exception):
    """Nothing more can be looked at; holds the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


def wanted_of(config: RunConfig, way: Route, model: str) -> Wanted:
    """What a run would ask for, in the mode that a run should use; raises InputError."""
    target = config.target
    stream = target.stream
    if "stream" not in target.model_fields_set:
        both = Wanted(model=model or "?"), Wanted(model=model or "?", stream=False)
        refused = [bool(way.adapter.refusal(one)) for one in both]
        stream = refused != [True, False]
    return table.wanted(config.request, way, model, stream=stream)


def _short(wanted: Wanted, tokens: int = ANSWER_TOKENS) -> Wanted:
    """The same for a short answer."""
    most = min(tokens, wanted.max_output_tokens)
    return replace(
        wanted, max_output_tokens=most, min_output_tokens=min(most, wanted.min_output_tokens)
    )


@dataclass
class Tour:
    """The requests of one route; each is kept in `seen`. Raises InputError as a run would."""

    client: Client
    config: RunConfig
    way: Route
    choice: Choice | None = None
    seen: list[Seen] = field(default_factory=list)
    choices: tuple[Choice, ...] = ()
    rejected: list[str] = field(default_factory=list)
    listing: Listing | None = None

    def __post_init__(self) -> None:
        given = self.config.target.model
        self.model = given or (self.choice.model if self.choice else "")
        self.wanted = wanted_of(self.config, self.way, self.model or self.way.adapter.default_model)
        self.skipped: dict[Purpose, str] = {}
        self._out_of_time = self._listed = False

    def go(self) -> None:
        """Send all requests that make sense."""
        self._name_model()
        asked, other = (Purpose.STREAMED, Purpose.WHOLE)
        if not self.wanted.stream:
            asked, other = other, asked
        for purpose in (asked, other):
            self._mode(purpose)
        if any(one.ok for one in self.seen if one.purpose is asked):
            self._exact()
            self._counted()
            if not any(one.timed_out for one in self.seen):
                self._wrong()

    def try_it(self) -> None:
        """Send the first request."""
        self._name_model()
        purpose = Purpose.STREAMED if self.wanted.stream else Purpose.WHOLE
        self._ask(purpose, replace(_short(self.wanted), model=self.model))

    @property
    def refuses(self) -> bool:
        """Whether the last request was answered with an error's status."""
        return bool(self.seen) and self.seen[-1].record.outcome is Outcome.HTTP_STATUS

    @property
    def last_words(self) -> str:
        """How the last request ended."""
        record = self.seen[-1].record if self.seen else None
        return record.detail if record else "no time was left"

    def looked(self) -> Looked:
        """All that was seen."""
        target = self.config.target
        return Looked(
            self.way,
            self.model,
            self.wanted.stream,
            tuple(self.seen),
            self.listing,
            self.skipped,
            model_given=bool(target.model),
            key_given=self.client.key_given,
            choices=self.choices,
            rejected=tuple(self.rejected),
            out_of_time=self._out_of_time,
        )

    def _name_model(self) -> None:
        """Ask for the list of models where there is one, and choose as a run does."""
        adapter = self.way.adapter
        listing = adapter.models_request()
        if listing is not None and not self._listed:
            self._listed = True
            exchange = self.client.ask(listing, LOOK_S)
            stop = deaf(exchange, key_given=self.client.key_given)
            if stop and not self.model:
                raise StopError(stop)
            self.listing = _listed(listing.path, exchange, adapter.read_models)
        names = self.listing.names if self.listing else ()
        self.model = self.model or adapter.default_model or (names[0] if names else "")
        if not self.model and listing is not None:
            why = f": {self.listing.trouble}" if self.listing and self.listing.trouble else ""
            sentence = f"no model is named, and the server tells none{why}"
            raise StopError(problem(Name.MODEL, sentence, "give --model"))

    def _mode(self, purpose: Purpose) -> None:
        """A few requests that are streamed, or not."""
        wanted = replace(_short(self.wanted), model=self.model, stream=purpose is Purpose.STREAMED)
        if why := self.way.adapter.refusal(wanted):
            self.skipped[purpose] = why
            return
        while len(self._of(purpose)) < TIMES:
            if any(one.timed_out or not one.ok for one in self._of(purpose)):
                return
            if any(one.timed_out for one in self.seen) or not self._ask(purpose, wanted):
                return

    def _of(self, purpose: Purpose) -> list[Seen]:
        return [one for one in self.seen if one.purpose is purpose]

    def _exact(self) -> None:
        """An answer of a length that is asked for, where the format has a word for it."""
        plain = replace(
            self.wanted, model=self.model, max_output_tokens=EXACT_TOKENS, min_output_tokens=0
        )
        whys = []
        for fixed in (
            replace(plain, ignore_eos=True),
            replace(plain, ignore_eos=False, min_output_tokens=EXACT_TOKENS),
        ):
            why = self.way.adapter.refusal(fixed)
            if not why:
                self._ask(Purpose.EXACT, fixed, _BRIEF)
                return
            whys.append(why)
        self.skipped[Purpose.EXACT] = whys[0]

    def _counted(self) -> None:
        """A stream with a running count, where chunks do not tell their tokens anyway."""
        streams = [one for one in self._of(Purpose.STREAMED) if one.ok]
        if not streams or streams[0].record.chunk_tokens or self.wanted.usage_per_chunk:
            return
        plain = streams[0].wanted
        counted = replace(plain, usage_per_chunk=True)
        adapter, prompt = self.way.adapter, Prompt(_PROMPT)
        if adapter.refusal(counted):
            return
        if adapter.request(prompt, counted) != adapter.request(prompt, plain):
            self._ask(Purpose.COUNTED, counted)

    def _wrong(self) -> None:
        """A request that must be refused."""
        adapter, prompt = self.way.adapter, Prompt(_PROMPT)
        wanted = replace(_short(self.wanted), model=self.model)
        usual = adapter.request(prompt, wanted)
        other = adapter.request(prompt, replace(wanted, model=_UNKNOWN_MODEL))
        trick = "an unknown model"
        if self.way.framing == "http2":
            other, trick = replace(usual, path=_UNKNOWN_CALL), "an unknown call"
        elif other == usual:
            other, trick = replace(usual, body=b"{}"), "an empty object"
        self._ask(Purpose.WRONG, wanted, request=other, trick=trick)

    def _ask(
        self,
        purpose: Purpose,
        wanted: Wanted,
        prompt: str = _PROMPT,
        request: HttpRequest | None = None,
        trick: str = "",
    ) -> bool:
        """Send one request and keep what came; False when no time is left."""
        if not self.client.left_s:
            self._out_of_time = True
            return False
        request = request or self.way.adapter.request(Prompt(prompt), wanted)
        exchange = self.client.ask(request, REQUEST_S, self.way.framing)
        one = seen.read(exchange, purpose, wanted, prompt, self.way, trick)
        if stop := refused(one.record.status, key_given=self.client.key_given):
            raise StopError(stop)
        self.seen.append(one)
        return True


def _listed(path: str, exchange: Exchange, read_models: Callable[[bytes], list[str]]) -> Listing:
    """What a list of models says."""
    response = response_of(exchange)
    if response.status != 200:
        why = f"GET {path} answers HTTP {response.status}" if response.status else exchange.detail
        return Listing(path, response.status, trouble=why or "no answer that is HTTP")
    try:
        return Listing(path, 200, tuple(read_models(response.body)))
    except ValueError as error:
        return Listing(path, 200, trouble=str(error))
