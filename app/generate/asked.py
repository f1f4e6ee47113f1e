"""Asked against measured: whether samples have the attributes that were asked for."""

import pandas as pd
import streamlit as st

from app.cached import runs
from app.cached.runs import RunKey
from app.charts import attribute_chart
from app.display import elements
from app.text.plain_text import plain
from app.views import code_snippets
from cvae_core.evaluation.sample_quality import stored_asked, stored_judgement
from cvae_core.system.folders import default_root, in_root


def asked_and_measured(key: RunKey) -> None:
    """Show what was asked of samples and what was measured, a chart per number, and all findings about attributes."""
    run, data = runs.run_named(key.name), runs.description(key)
    found = [one for one in stored_judgement(run) if one.attribute is not None and one.attribute < len(data.attributes)]
    if not found:
        command = in_root(f"python -m cvae_core judge {key.name}", default_root())
        st.info(f"The samples of this run are not measured yet. Measure them with: `{plain(command)}`")
        return
    elements.explained(
        "For the attributes of each of the first test images, one sample is drawn. Its attributes are measured by the same "
        "function as those of real images. *R²* is 1 if every sample has what was asked for, and 0 or less if the samples "
        "ignore it. A *linear probe* tells how much of an attribute $z$ still knows: nothing, if $R^2$ is about 0."
    )
    numbers = [one for one in stored_asked(run) if not data.attributes[one.attribute].categories and one.asked]
    columns = st.columns(2)
    for place, one in enumerate(numbers):
        name = data.attributes[one.attribute].name
        with columns[place % len(columns)]:
            alt = f"{name}: what was asked for and what was measured"
            code = code_snippets.asked(key, one.attribute)
            elements.chart(attribute_chart.asked_chart(one, name), code, f"asked-{one.attribute + 1}", alt)
    rows = [
        {"measure": one.named(data), "value": one.value, "real or chance": one.reference, "of": one.of} for one in found
    ]
    style = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, height="content", placeholder="–",
        column_config={"value": style, "real or chance": style},
        alt="How well samples have the attributes that were asked for",
    )  # fmt: skip
