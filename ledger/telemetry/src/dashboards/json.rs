//! A dashboard as Grafana reads it.

use serde_json::{Value, json};

use super::{Alarm, Dashboard, Draw, Panel};

/// The form of dashboards that is written, of Grafana 10 and later.
const SCHEMA_VERSION: u32 = 39;
const COLUMNS: usize = 24;
const PANEL_HEIGHT: usize = 8;
const STAT_HEIGHT: usize = 4;
/// What the variables choose.
const SELECTION: &str = "job=~\"$job\",instance=~\"$instance\"";

/// The file's text.
///
/// # Panics
/// Never: a dashboard is plain data.
#[must_use]
pub fn render(dashboard: &Dashboard) -> String {
    let mut panels = Vec::new();
    let (mut id, mut top) = (1, 0);
    for row in dashboard.rows {
        panels.push(json!({
            "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": top, "w": COLUMNS, "h": 1 },
        }));
        id += 1;
        top += 1;
        let is_flat = row.panels.iter().all(|panel| panel.draw == Draw::Stat);
        let height = if is_flat { STAT_HEIGHT } else { PANEL_HEIGHT };
        // Evenly; where that does not come out, some are a column wider.
        let left = |at: usize| COLUMNS * at / row.panels.len().max(1);
        for (at, panel) in row.panels.iter().enumerate() {
            let (x, width) = (left(at), left(at + 1) - left(at));
            let place = json!({ "x": x, "y": top, "w": width, "h": height });
            panels.push(of_panel(panel, id, &place));
            id += 1;
        }
        top += height;
    }
    let whole = json!({
        "uid": format!("talon-{}", dashboard.uid),
        "title": format!("Talon: {}", dashboard.title),
        "description": dashboard.description,
        "tags": ["talon"],
        "timezone": "browser",
        "editable": true,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "refresh": "5s",
        "time": { "from": "now-30m", "to": "now" },
        "links": [{
            "type": "dashboards", "tags": ["talon"], "title": "Talon", "asDropdown": false,
            "includeVars": true, "keepTime": true,
        }],
        "annotations": { "list": [alerts()] },
        "templating": { "list": variables() },
        "panels": panels,
    });
    serde_json::to_string_pretty(&whole).expect("a dashboard is plain data") + "\n"
}

fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "$datasource" })
}

/// Marks when alerts fired.
fn alerts() -> Value {
    json!({
        "name": "Alerts", "enable": true, "hide": false, "iconColor": "red",
        "datasource": datasource(), "titleFormat": "{{alertname}}",
        "expr": "ALERTS{alertname=~\"Talon.*\",alertstate=\"firing\"}", "step": "30s",
    })
}

fn variables() -> Value {
    let choice = |name: &str, label: &str, query: &str| {
        json!({
            "name": name, "label": label, "type": "query", "datasource": datasource(),
            "query": { "query": query, "refId": name }, "definition": query,
            "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*",
            "current": { "text": "All", "value": "$__all" },
        })
    };
    json!([
        {
            "name": "datasource", "label": "Data source", "type": "datasource",
            "query": "prometheus", "refresh": 1,
        },
        choice("job", "Job", "label_values(talon_build_info, job)"),
        choice("instance", "Instance", "label_values(talon_build_info{job=~\"$job\"}, instance)"),
    ])
}

fn of_panel(panel: &Panel, id: usize, place: &Value) -> Value {
    let letters = 'A'..='Z';
    let target = |(letter, (query, legend)): (char, &(&str, &str))| {
        json!({
            "refId": letter.to_string(), "datasource": datasource(), "range": true,
            "expr": query.replace("SEL", SELECTION), "legendFormat": legend,
        })
    };
    let targets: Vec<Value> = letters.zip(panel.queries).map(target).collect();
    let mut whole = json!({
        "id": id, "gridPos": place, "title": panel.title, "description": panel.description,
        "datasource": datasource(), "targets": targets,
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
    });
    let (kind, options) = match panel.draw {
        Draw::Stat => (
            "stat",
            json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "colorMode": "value", "graphMode": "area", "textMode": "auto",
            }),
        ),
        Draw::Lines | Draw::Stacked => (
            "timeseries",
            json!({
                "legend": {
                    "displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"],
                    "sortBy": "Max", "sortDesc": true,
                },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
        ),
    };
    if panel.draw == Draw::Stat {
        // Without steps of ours, Grafana would show every number from 80 on in red.
        let step = |color: &str, from: Option<f64>| json!({ "color": color, "value": from });
        let steps = match panel.alarm {
            Alarm::Never => vec![step("green", None)],
            Alarm::Below(least) => vec![step("red", None), step("green", Some(least))],
            Alarm::From(most) => vec![step("green", None), step("red", Some(most))],
        };
        whole["fieldConfig"]["defaults"]["thresholds"] =
            json!({ "mode": "absolute", "steps": steps });
    }
    whole["type"] = json!(kind);
    whole["options"] = options;
    if panel.draw == Draw::Stacked {
        whole["fieldConfig"]["defaults"]["custom"] =
            json!({ "fillOpacity": 30, "stacking": { "mode": "normal", "group": "A" } });
    }
    whole
}
