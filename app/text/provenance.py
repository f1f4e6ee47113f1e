"""The provenance of a number in the table, in words."""

from app.text.plain_text import Markdown, code, plain
from cvae_core.config.command import train_command
from cvae_core.evaluation import table_formats
from cvae_core.evaluation.table import Entry
from cvae_core.runs.run import default_root, find

FULL_TEST_SET = 10_000


def provenance(entry: Entry) -> Markdown:
    """Return how a number was computed, and the command that reproduces it."""
    number = plain(table_formats.number(entry))
    if not entry.runs:
        how = "Its “CVAE (Monte Carlo)” row is −ELBO with 10 draws."
        return f"**{number}**: from the Pyro tutorial. {table_formats.PYRO_NOTE} {how}"
    bits = "" if entry.bits is None else f" ({entry.bits:.2f} bits per dimension)"
    how, run = f"**{number}** nats per image{bits}: {plain(table_formats.estimator(entry))}, ", entry.runs[-1]
    if entry.kind == "mean":
        again = "; ".join([_again(entry, name) for name in entry.runs])
        return (
            f"{how}S = {entry.samples:,}, N = {entry.images:,}. Mean ± standard deviation over {len(entry.runs):,} runs that "
            f"differ only in their seed: {plain(table_formats.run_name(entry))}. Reproduce with: {again}"
        )
    how += f"run {code(run)}, N = {entry.images:,} test images"
    how += f", S = {entry.samples:,} draws per image, seed {plain(entry.seed)}" if entry.samples else ""
    if entry.imported:
        how += f". Computed elsewhere, imported {code(entry.imported)}, not verified here: compute it again to check it"
    if entry.kind == "difference" and entry.estimators[-1] == "floor":
        return f"**{number}** nats per image: the figure of {code(entry.runs[0])} minus the floor of the same images."
    if entry.kind == "difference":
        return (
            f"{how}. The figure of {code(entry.runs[0])} minus that of {code(run)}, on the same images: "
            f"{plain(table_formats.pair(entry))}."
        )
    card = find(run, default_root()).card()
    return f"{how}; trained in {card.seconds / 60:.1f} minutes ({plain(card.device)}). Reproduce with: {_again(entry, run)}"


def _again(entry: Entry, name: str) -> Markdown:
    """Return the commands that reproduce a run's part of a number, with training first if the weights are missing."""
    run = find(name, default_root())
    here = run.has_weights()
    draws = f" --samples {entry.samples}" if entry.samples else ""
    images = f" --images {entry.images}" if entry.images < FULL_TEST_SET else ""
    seed = f" --seed {entry.seed}" if entry.seed else ""
    shown = f" --visible {entry.asked}" if entry.asked else ""
    evaluate = code(f"python -m cvae_core evaluate {name if here else run.anew}{draws}{images}{seed}{shown}")
    return evaluate if here else f"{code(train_command(run.card().config, run.anew))}, then {evaluate}"
