"""The pages: their files, names, addresses and questions, and a tour of them."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage

FOLDER = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True)
class Page:
    """One page of the dashboard."""

    file: str
    title: str
    icon: str
    question: str
    default: bool = False

    def streamlit_page(self) -> StreamlitPage:
        """Return the page as Streamlit's navigation takes it; its address is its file's name."""
        return st.Page(
            FOLDER / f"{self.file}.py",
            title=self.title,
            icon=f":material/{self.icon}:",
            url_path=None if self.default else self.file,
            default=self.default,
        )


PAGES = {
    page.file: page
    for page in (
        Page("home", "Home", "home", "What is a conditional VAE?", default=True),
        Page("generate", "Generate", "grid_on", "What does z do when the digit is fixed?"),
        Page("inpaint", "Inpaint", "draw", "What can the rest of the digit be?"),
        Page("latent", "Latent space", "scatter_plot", "How is z arranged?"),
        Page("why", "Why?", "help", "Why is it done like that?"),
        Page("training", "Training", "show_chart", "How did it get there?"),
        Page("cll", "CLL table", "table_chart", "How good is it, honestly?"),
    )
}
TOUR = (
    ("generate", "Press *Random z*: ten digits in one hand. Then drag the first slider: all ten lean."),
    ("generate", "Open *VAE beside CVAE*: the same noise, without the label and with it."),
    ("inpaint", "Look for a column where the network is grey and the samples disagree: there the quarter leaves it open."),
    ("latent", "Click a point of the VAE's map, then choose `label` as the run: the digits have left z."),
    ("why", "Open *Blur* and average more and more samples: the network's answer appears."),
    ("training", "Press *Play*: blur, blobs, digits."),
    ("cll", "Press *Estimate* and watch three estimators settle; the dotted lines are the stored figures."),
)  # fmt: skip
