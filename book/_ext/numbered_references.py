"""Sphinx extension: pages are read once for all references by number, not once for each reference.

To find the number of a figure Sphinx unpickles the page around it, pictures included, which took a third of
the time of writing the book.
"""

from functools import cached_property

from sphinx.domains.std import StandardDomain


class Pages:
    """An environment as it is, but that it reads each page once; nobody may change what it gives."""

    def __init__(self, env):
        self._env, self._read = env, {}

    def __getattr__(self, name):
        return getattr(self._env, name)

    def get_doctree(self, docname):
        if docname not in self._read:
            self._read[docname] = self._env.get_doctree(docname)
        return self._read[docname]


class NumberedReferences(StandardDomain):
    @cached_property
    def _pages(self):
        return Pages(self.env)

    def _resolve_numref_xref(self, env, *reference):
        # asked for while pages are written, so that none is read again meanwhile
        return super()._resolve_numref_xref(self._pages, *reference)


def setup(app):
    app.add_domain(NumberedReferences, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
