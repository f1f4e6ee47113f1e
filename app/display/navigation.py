"""The pages: their files, names, addresses and questions."""

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
        """Return the page for Streamlit's navigation; its address is the name of its file."""
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
        Page("how", "How it works", "account_tree", "What do the networks do with one image?"),
        Page("generate", "Generate", "grid_on", "What does z do when the label is fixed?"),
        Page("inpaint", "Inpaint", "draw", "What can the rest of the image be?"),
        Page("latent", "Latent space", "scatter_plot", "How is z arranged?"),
        Page("why", "Why?", "help", "Why is it done like that?"),
        Page("data", "Data", "photo_library", "Which images does a model learn?"),
        Page("training", "Training", "show_chart", "How does a model learn?"),
        Page("cll", "CLL table", "table_chart", "How good is each model?"),
    )
}


def following(page: str) -> tuple[str, str]:
    """Return the names of the pages before and after a page; the last page is followed by the first."""
    names = list(PAGES)
    place = names.index(page)
    return names[place - 1], names[(place + 1) % len(names)]
