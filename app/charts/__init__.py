"""Charts of pages, as Plotly figures and ECharts options."""
