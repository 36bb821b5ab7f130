"""Numbers that notebooks quote in their prose, against the files in results/ that they come from."""

import json

import pandas as pd

from dgmlib import paths
from dgmlib.measure.study import reach


def prose(name: str) -> str:
    """All text of a notebook."""
    cells = json.loads((paths.NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def result(name: str) -> pd.DataFrame:
    return pd.read_csv(paths.RESULTS / f"{name}.csv", keep_default_na=False, na_values={"value": "", "IoU": ""})


def test_every_table_says_where_it_comes_from():
    tables = list(paths.RESULTS.glob("*.csv"))
    assert len(tables) > 10
    for table in tables:
        assert {"commit", "device", "packages"} <= set(json.loads(table.with_suffix(".json").read_text())), table.name


def test_the_headline_quotes_the_table():
    """Every number of the README's finding stands in results/evidence.csv."""
    text = (paths.ROOT / "README.md").read_text()
    finding = text[text.index("**What came out.**") : text.index("[All results]")]
    table = pd.read_csv(paths.RESULTS / "evidence.csv")
    rows = table[table["over"] == "images"].set_index(["data", "setting", "model", "number"])
    drawn, real = [("Broden-mini", "O+P+S"), ("Broden-mini", "O+P+S+M+T")], ("real-mixture", "O+P+T")

    def ahead(place, model, number):
        return f"{100 * rows.loc[(*place, model, number), 'value']:.1f}"

    def span(place, over="images", model="DGM", number="object/mIoU"):
        found = table[table["over"] == over].set_index(["data", "setting", "model", "number"])
        low, high = found.loc[(*place, model, number), ["low", "high"]]
        return f"{100 * low:+.1f} to {100 * high:+.1f}"

    objects, parts, cut = (
        [ahead(place, model, number) for place in (*drawn, real)]
        for model, number in (("DGM", "object/mIoU"), ("DGM", "part/mIoU"), ("DGM w/o graph", "object/mIoU"))
    )
    seeds = table[table["over"].str.startswith("seed ") & (table["number"] == "object/mIoU")]
    wide = 100 * seeds.pivot(index=["data", "setting", "over"], columns="model", values="value")
    assert [len(wide.loc[place]) for place in (*drawn, real)] == [3, 5, 5]
    assert f"ahead by {objects[0]} points of object mIoU in O+P+S (three seeds, undecided; over images" in finding
    assert f"over images {span(drawn[0])}) and {objects[1]} in O+P+S+M+T" in finding
    assert f"five seeds: {span(drawn[1], 'seeds')}, over images {span(drawn[1])}" in finding
    assert f"by {parts[0]} and {parts[1]} in parts, which is undecided" in finding
    assert f"over five seeds, DGM is ahead by {objects[2]} points of object mIoU" in finding
    assert f"95 % over seeds {span(real, 'seeds')}; over images {span(real)}" in finding
    assert f"by {parts[2]} in parts, which is undecided" in finding
    names = [("DGM", f"{task}/mIoU") for task in ("object", "part")]
    verdicts = {place: rows.loc[[(*place, *name) for name in names], "verdict"] for place in (*drawn, real)}
    assert list(verdicts[real]) == ["ahead", "undecided"]
    assert list(verdicts[drawn[0]]) == ["undecided", "undecided"]
    assert list(verdicts[drawn[1]]) == ["ahead", "undecided"]
    assert f"network gains {cut[0]}, {cut[1]} and {cut[2]} in objects" in finding
    beside = wide["DGM"] - wide["DGM w/o graph"]
    gains = [f"{beside[place].mean():+.1f} ± {reach(beside[place]):.1f}" for place in (*drawn, real)]
    assert f"DGM is {gains[0]}, {gains[1]} and {gains[2]} ahead of it" in finding
    scores = [f"{task}/mIoU" for task in ("object", "part")]
    (plus, parts_plus), spans = (
        [ahead(drawn[1], "DGM plus", score) for score in scores],
        [span(drawn[1], "seeds", "DGM plus", score) for score in scores],
    )
    assert f"is {plus} points ahead in objects and {parts_plus} in parts on drawings" in finding
    assert f"over seeds {spans[0]} and {spans[1]}" in finding
    assert f"and {ahead(drawn[1], 'DGM plus', 'texture/accuracy').removeprefix('-')} behind in textures" in finding
    page = (paths.RESULTS / "README.md").read_text()
    shorter = table[(table["data"] == "Broden-mini") & (table["number"] == "object/mIoU")].set_index(
        ["setting", "over"]
    )
    half = 100 * shorter.loc[("O+P+S+M+T", "700 iterations"), "value"].item()
    gained = wide.loc[(*drawn[1], "seed 0"), "UPerNet"] - half
    for text in (page, prose("05_table1_broden")):
        assert f"its last doubling gave {gained:.0f} points" in text
    assert f"{cut[0]} and {cut[1]} points of object mIoU on drawings, {cut[2]} on photographs" in page
    for text in (page, prose("05_table1_broden")):
        assert f"{gains[0]} and {gains[1]} points" in text
        assert f"{gains[2]} on photographs" in text
    assert f"there {ahead(real, 'DGM w/o graph', 'part/mIoU')} in parts, where DGM gains {parts[2]}" in page


def test_gains_on_the_networks_of_table_2():
    table = result("table2").query("metric == 'mIoU'").astype({"value": float})
    wide = 100 * table.pivot(index="seed", columns="model", values="value")
    for network in ("UPerNet", "DeepLabV3", "HRNetV2"):
        for system in (" + DGM", " + DGM w/o top-down"):
            ahead = wide[network + system] - wide[network]
            for text in (prose("06_table2_backbones"), (paths.RESULTS / "README.md").read_text()):
                assert f"{ahead.mean():.1f} ± {reach(ahead):.1f}" in text


def test_what_cutting_the_graph_costs():
    table = result("reading").query("candidate == 'DGM' and name == 'object/mIoU'").astype({"value": float})
    wide = 100 * table.pivot_table("value", ["data", "seed"], "probe")
    lost = (wide[""] - wide["graph cut"]).groupby("data").mean()
    drawn, streets, cars = (f"{lost[data]:.1f}" for data in ("Broden-mini", "CamVid", "Car-Parts"))
    assert f"loses {streets} (CamVid), {cars} (Car-Parts) and {drawn} (Broden-mini) points" in prose(
        "03_top_down_message_passing"
    )


def test_what_is_said_of_readings():
    table = result("reading").query("probe == ''")
    printed = table[(table["candidate"] == "Eq. 8, U unit, sum") & (table["name"] == "entropy") & (table["level"] > 1)]
    spread = printed.groupby(["data", "level"])["value"].apply(lambda values: values.astype(float).mean())
    text = prose("03_top_down_message_passing")
    assert f"{spread.min():.2f} to {spread.max():.2f} of the largest possible" in text
    streets = table[(table["data"] == "CamVid") & (table["name"] == "object/mIoU")].astype({"value": float})
    mean = 100 * streets.groupby("candidate")["value"].mean()
    ahead = (mean - mean["UPerNet"]).drop(["UPerNet", "DGM w/o graph", "dgmlib 0.1"])
    assert f"all are {ahead.min():.1f} to {ahead.max():.1f} points of object mIoU ahead of UPerNet on CamVid" in text


def test_how_far_groups_are_ahead_of_the_superpixels_hierarchy():
    table = result("grouping").query("method == 'superpixels' and level > 1")
    table["untrained"] = table["model"].str.endswith("untrained")

    def span(number: str, **where) -> pd.Series:
        rows = table[table["metric"] == f"DGM ahead, {number}"]
        for column, value in where.items():
            rows = rows[rows[column].isin(value if isinstance(value, list) else [value])]
        return rows["mean"].astype(float)

    street, drawn = {"model": "street-dgm"}, {"model": "demo-dgm", "data": ["CamVid", "LabelMeFacade"]}
    camvid, facades = (span("region mIoU", **street, data=name, labels="object") for name in drawn["data"])
    early = span("region mIoU", **drawn, labels="object", level=[2, 3])
    parts, pure = span("region mIoU", **street, labels="part"), -span("purity", **street)
    photographs = {"untrained": True, "data": ["CamVid", "LabelMeFacade", "Car-Parts"]}
    blank = -span("region mIoU", **photographs).drop(
        span("region mIoU", **photographs | {"data": "LabelMeFacade"}, labels="part").index
    )
    for text in (prose("08_grouping_visualization"), (paths.RESULTS / "README.md").read_text()):
        assert f"by {camvid.min():.2f} to {camvid.max():.2f} on CamVid" in text
        assert f"{facades.min():.2f} to {facades.max():.2f} on LabelMeFacade" in text
        assert f"by {early.min():.2f} to {early.max():.2f} at levels 2 and 3" in text
        assert f"not ahead ({parts.min():+.2f} to {parts.max():+.2f})" in text
        assert f"{pure.min():.2f} to {pure.max():.2f}" in text
        assert f"by {blank.min():.2f} to {blank.max():.2f}" in text
    front = (paths.ROOT / "README.md").read_text()
    assert f"by {camvid.min():.2f} to {camvid.max():.2f} of region mIoU on CamVid" in front
    level_4 = span("region mIoU", **drawn, labels="object", level=4)
    assert (level_4 < 0).all()  # "no longer at level 4"


def test_how_far_the_same_features_merged_plainly_are_ahead_of_groups():
    rows = result("grouping").query("method == 'features' and level > 1 and model == 'street-dgm'")
    behind = -rows[rows["metric"] == "DGM ahead, region mIoU"].set_index("data")["mean"].astype(float)
    streets = behind["CamVid"]
    assert f"is better still, by {streets.min():.2f} to {streets.max():.2f}." in (paths.ROOT / "README.md").read_text()
    for text in (prose("08_grouping_visualization"), (paths.RESULTS / "README.md").read_text()):
        assert f"by {streets.min():.2f} to {streets.max():.2f} on" in text
        assert f"by {behind.min():.2f} to {behind.max():.2f} over all sets" in text


def test_what_one_click_gets():
    table = result("clicks").query("clicks in (1, '1', '1.0')").astype({"IoU": float})
    best = {
        method: rows.groupby(["data", "level"])["IoU"].mean().groupby("data").max()
        for method, rows in table.groupby("method")
    }
    ours, flood = (
        [f"{best[method][data]:.2f}" for data in ("Broden-mini", "CamVid", "Car-Parts")]
        for method in ("DGM", "flood by colour")
    )
    assert (
        f"an IoU of {ours[0]} on drawings, {ours[1]} on CamVid and {ours[2]} on Car-Parts, "
        f"the flood {flood[0]}, {flood[1]} and {flood[2]}"
    ) in prose("09_click_propagation")


def test_where_heat_maps_point():
    table = result("gradcam").query("measure == 'pointing' and target == 'object, where predicted'")
    share = {row.map: f"{100 * row.value:.0f}" for row in table.itertuples()}
    text = prose("10_gradcam")
    assert f"level 1 points best ({share['level 1']} % against {share['F^L over superpixels']} %" in text
    assert f"level 2 as well as that ({share['level 2']} %)" in text
    assert f"({share['level 3']} and {share['level 4']} %)" in text
    page = (paths.RESULTS / "README.md").read_text()
    assert (
        f"{', '.join(share[f'level {level}'] for level in (1, 2, 3))} and {share['level 4']} % at levels 1 to 4" in page
    )
