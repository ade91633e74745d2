from odoo import api, models

from . import sending


class SmsApi(models.AbstractModel):
    _inherit = "sms.api"

    @api.model
    def _send_sms_batch(self, messages):
        """Send through the gateway in databases that name one; elsewhere as before."""
        named = self.env["ir.config_parameter"].sudo().get_param
        url, key = named("chinqit.url"), named("chinqit.key")
        if not url or not key:
            return super()._send_sms_batch(messages)
        name = named("database.uuid")
        return [
            {
                "res_id": one["res_id"],
                "state": sending.send(url, key, one["number"] or "", one["content"], f"odoo-{name}-{one['res_id']}"),
                "credit": 0,
            }
            for one in messages
        ]
