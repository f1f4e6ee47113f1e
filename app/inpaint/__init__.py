"""Page Inpaint: what is completed, and the pictures of completions."""
