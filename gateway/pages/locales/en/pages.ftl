# Texts of the pages.
