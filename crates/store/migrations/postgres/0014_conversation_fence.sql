-- Conversations name patients: they are fenced like everything else of an organisation.
ALTER TABLE conversation ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON conversation USING (medcor_may_touch(tenant));
