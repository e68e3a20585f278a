"""recipe.toml, with single settings changed by the command line."""
import json
import pathlib
import tomllib

HERE = pathlib.Path(__file__).resolve().parent


def read_recipe(path=HERE / "recipe.toml", changes=()):
    """`changes` are "section.key=value"; a key that the recipe does not have is refused."""
    recipe = tomllib.loads(pathlib.Path(path).read_text())
    for change in changes:
        name, value = change.split("=", 1)
        section, key = name.split(".")
        if key not in recipe.get(section, {}):
            raise SystemExit(f"the recipe has no {name}")
        recipe[section][key] = type(recipe[section][key])(json.loads(value))
    return recipe
