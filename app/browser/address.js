// Replace the address that a page was opened with by one that says what it shows. Streamlit could only add one to the history,
// and Back would then seem to do nothing. If the visitor has changed the page meanwhile, its address is newer.

const written = (search) => new URLSearchParams(search).toString();

export default ({ data }) => {
  if (written(location.search) !== written(data.opened)) return;
  history.replaceState(history.state, "", location.pathname + (data.now && `?${data.now}`));
};
