"""The two files of the book beside its folder. pyproject.toml could include them,
but in an editable install too.
"""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Sources(BuildHookInterface):
    def initialize(self, version, build_data):
        if version == "standard":  # an editable install reads the checkout
            for name in ("_config.yml", "_toc.yml"):
                build_data["force_include"][name] = f"companion/_sources/{name}"
