"""Where a number of the table comes from, in words."""

from cvae_core import tables
from cvae_core.config import train_command
from cvae_core.runs import default_root, find
from cvae_core.tables import Entry

FULL_TEST_SET = 10_000


def provenance(entry: Entry) -> str:
    """Say how a number was computed and by which command."""
    if entry.run is None:
        how = "Its “CVAE (Monte Carlo)” row is −ELBO with 10 draws."
        return f"**{tables.number(entry)}**: from the Pyro tutorial. {tables.PYRO_NOTE} {how}"
    if entry.seeds > 1:
        return (
            f"**{tables.number(entry)}** nats per image: {entry.estimator}, S = {entry.samples:,}, N = {entry.images:,}. "
            f"Mean ± deviation over {entry.seeds} runs that differ in their seed alone: {entry.run}."
        )
    draws = f" --samples {entry.samples}" if entry.samples else ""
    images = f" --images {entry.images}" if entry.images < FULL_TEST_SET else ""
    seed = f" --seed {entry.seed}" if entry.seed else ""
    shown = f" --visible {entry.visible}" if entry.visible else ""
    how = f"**{tables.number(entry)}** nats per image: {entry.estimator}, run `{entry.run}`, N = {entry.images:,} test images"
    how += f", S = {entry.samples:,} draws per image of seed {entry.seed}" if entry.samples else ""
    if entry.imported:
        how += f". Somebody else's figure, imported `{entry.imported}`: only computing it again shows that it is true"
    if entry.model.startswith(tables.GAP):
        return f"{how}. A difference of two rows above over the same images."
    run = find(entry.run, default_root())
    card, here = run.card(), run.has_weights()
    how += f"; trained in {card.seconds / 60:.1f} minutes ({card.device})"
    evaluate = f"`python -m cvae_core evaluate {entry.run if here else run.anew}{draws}{images}{seed}{shown}`"
    if here:
        return f"{how}. Again: {evaluate}"
    return f"{how}. Again, for its weights are not here: `{train_command(card.config, run.anew)}`, then {evaluate}"
