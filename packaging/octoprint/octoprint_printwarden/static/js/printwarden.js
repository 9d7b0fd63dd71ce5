$(function () {
    "use strict";

    const ID = "printwarden";
    const LOOK_EVERY_MS = 2000;

    function PrintwardenViewModel() {
        const self = this;
        self.enrolled = ko.observable();
        self.running = ko.observable(false);
        self.name = ko.observable("");
        self.hub = ko.observable("");
        self.cameras = ko.observableArray([]);
        self.said = ko.observableArray([]);
        self.line = ko.observable("");
        self.busy = ko.observable(false);
        self.code = ko.observable("");
        self.trouble = ko.observable("");
        let timer;

        function show(status) {
            self.enrolled(status.enrolled);
            self.running(status.running);
            self.name(status.name || "");
            self.hub(status.hub || "");
            self.cameras(status.cameras);
            self.said(status.said);
            self.busy(Boolean(status.busy));
            self.code(status.code || "");
            if (status.trouble) {
                self.trouble(status.trouble);
            }
            if (status.enrolled) {
                self.line("");
            }
        }

        function told(answer) {
            const json = answer.responseJSON;
            return (json && json.error) || gettext("OctoPrint does not answer; is it still running?");
        }

        function command(name, data) {
            self.busy(true);
            self.trouble("");
            OctoPrint.simpleApiCommand(ID, name, data)
                .done(show)
                .fail((answer) => {
                    self.busy(false);
                    self.trouble(told(answer));
                });
        }

        function look() {
            OctoPrint.simpleApiGet(ID).done(show);
        }

        self.enrol = () => command("enrol", {line: self.line().trim()});

        self.forget = () =>
            showConfirmationDialog({
                message: gettext("The hub will no longer watch this printer. Enrolling again needs a new line."),
                proceed: gettext("Forget this hub"),
                onproceed: () => command("forget", {})
            });

        self.onSettingsShown = () => {
            look();
            clearInterval(timer);
            timer = setInterval(look, LOOK_EVERY_MS);
        };

        self.onSettingsHidden = () => clearInterval(timer);
    }

    OCTOPRINT_VIEWMODELS.push({
        construct: PrintwardenViewModel,
        elements: ["#settings_plugin_printwarden"]
    });
});
